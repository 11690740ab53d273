// Pointers, touch, the wheel and the keyboard.

const STEP_PX = 60;
const CLICK_PX = 5;

function listen(app) {
  const pointers = new Pointers(app);
  app.box.addEventListener("keydown", (event) => onMapKey(app, event));
  document.addEventListener("keydown", (event) => onPageKey(app, event));
  app.box.addEventListener("focus", () => app.redraw());
  app.box.addEventListener("blur", () => app.redraw());
  byId("zoom-in").addEventListener("click", () => zoom(app, 1.6));
  byId("zoom-out").addEventListener("click", () => zoom(app, 1 / 1.6));
  byId("zoom-reset").addEventListener("click", () => reset(app));
  byId("lasso").addEventListener("click", () => setLasso(app, !app.isLassoing));
  byId("thumbnails-shown").addEventListener("change", () => app.redraw());
  new ResizeObserver(() => app.fit()).observe(app.box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.redraw());
  app.points.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  app.points.canvas.addEventListener("webglcontextrestored", () => {
    app.points.start();
    app.points.setPositions(app.positions);
    app.paint();
    app.redraw();
  });
  return pointers;
}

function zoom(app, factor) {
  app.view.zoomAt(factor);
  app.redraw();
}

function reset(app) {
  app.view.reset();
  app.redraw();
}

function setLasso(app, isOn) {
  app.isLassoing = isOn;
  byId("lasso").setAttribute("aria-pressed", String(isOn));
  app.box.classList.toggle("lassoing", isOn);
}

const MAP_KEYS = {
  ArrowLeft: (app) => app.view.pan(STEP_PX, 0),
  ArrowRight: (app) => app.view.pan(-STEP_PX, 0),
  ArrowUp: (app) => app.view.pan(0, STEP_PX),
  ArrowDown: (app) => app.view.pan(0, -STEP_PX),
  "+": (app) => app.view.zoomAt(1.3),
  "=": (app) => app.view.zoomAt(1.3),
  "-": (app) => app.view.zoomAt(1 / 1.3),
  0: (app) => app.view.reset(),
  l: (app) => setLasso(app, !app.isLassoing),
  Enter: openCentre,
};

function onMapKey(app, event) {
  const act = MAP_KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  app.isByKeys = true;
  act(app);
  app.redraw();
}

function openCentre(app) {
  const row = app.at(app.view.width / 2, app.view.height / 2, Math.min(app.view.width, app.view.height) / 2);
  if (row >= 0) app.open(row, false);
  else app.say("no point is near the middle of the map");
}

function onPageKey(app, event) {
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    byId("search").focus();
  } else if (event.key === "Escape") {
    if (app.isLassoing) setLasso(app, false);
    else if (app.opened >= 0) app.close();
    else if (app.selected.size) app.select([]);
  }
}

// One pointer pans, draws a lasso or opens a point; two pinch.
class Pointers {
  constructor(app) {
    this.app = app;
    this.down = new Map();
    const { box } = app;
    box.addEventListener("pointerdown", (event) => this.press(event));
    box.addEventListener("pointermove", (event) => this.move(event));
    box.addEventListener("pointerup", (event) => this.release(event));
    box.addEventListener("pointercancel", (event) => this.release(event));
    box.addEventListener("pointerleave", () => this.hover(-1));
    box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  place(event) {
    const frame = this.app.box.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  press(event) {
    if (event.target.closest("button, label")) return;
    const { app } = this;
    app.box.setPointerCapture(event.pointerId);
    app.isByKeys = false;
    this.down.set(event.pointerId, this.place(event));
    this.start = this.place(event);
    this.hasMoved = this.down.size > 1;
    const isLasso = this.down.size === 1 && (app.isLassoing || event.shiftKey);
    app.lasso = isLasso ? [app.view.toMap(...this.start)] : null;
  }

  move(event) {
    const { app } = this;
    const now = this.place(event);
    const before = this.down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.hover(app.at(...now, 10), now);
      return;
    }
    if (Math.hypot(now[0] - this.start[0], now[1] - this.start[1]) > CLICK_PX) this.hasMoved = true;
    if (app.lasso) app.lasso.push(app.view.toMap(...now));
    else if (this.down.size === 2) this.pinch(event.pointerId, before, now);
    else if (this.hasMoved) app.view.pan(now[0] - before[0], now[1] - before[1]);
    this.down.set(event.pointerId, now);
    app.redraw();
  }

  pinch(pointer, before, now) {
    const [other] = [...this.down].filter(([id]) => id !== pointer).map(([, place]) => place);
    const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
    const is = Math.hypot(now[0] - other[0], now[1] - other[1]);
    const { view } = this.app;
    view.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    if (was > 0) view.zoomAt(is / was, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  release(event) {
    const { app } = this;
    const place = this.down.get(event.pointerId);
    if (!place) return;
    this.down.delete(event.pointerId);
    const { lasso } = app;
    app.lasso = null;
    if (event.type === "pointercancel") return;
    if (lasso && lasso.length > 2) {
      app.select(app.grid.inside(lasso, (row) => app.isShown(row)));
      setLasso(app, false);
    } else if (!this.hasMoved) {
      const row = app.at(...place, event.pointerType === "mouse" ? 12 : 24);
      if (row >= 0) app.open(row, false);
      else if (app.opened >= 0) app.close();
    }
    app.redraw();
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.app.view.zoomAt(Math.exp(-event.deltaY * lines * 0.0015), ...this.place(event));
    this.app.redraw();
  }

  hover(row, place) {
    const { app } = this;
    const tip = byId("tip");
    tip.hidden = row < 0 || !app.mediumOf;
    if (!tip.hidden) {
      tip.textContent = shown(app.title(row));
      tip.style.left = `${Math.min(place[0] + 14, app.view.width - 180)}px`;
      tip.style.top = `${place[1] + 14}px`;
    }
    if (row !== app.hovered) {
      app.hovered = row;
      app.redraw();
    }
  }
}
