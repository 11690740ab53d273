// The panels beside the map: legend, search, chosen points, and the details of one point.

const MOST_LEGEND = 150;
const MOST_LISTED = 300;

const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const isolated = (text) => element("bdi", {}, shown(text));

// -- legend ------------------------------------------------------------------------------------------

class Legend {
  constructor(app) {
    this.app = app;
    const choice = byId("colour-by");
    byId("colours").hidden = header.colours.length === 1 && header.colours[0].values?.length === 1;
    header.colours.forEach((facts, i) => choice.append(element("option", { value: i }, shown(facts.name))));
    choice.addEventListener("change", () => app.colourBy(Number(choice.value)));
    byId("legend-all").addEventListener("click", () => this.setAll(1));
    byId("legend-none").addEventListener("click", () => this.setAll(0));
  }

  setAll(value) {
    const { colouring } = this.app;
    if (colouring.isNumber) [colouring.low, colouring.high] = [0, 1];
    else colouring.visible.fill(value);
    this.show();
    this.app.filter();
  }

  show() {
    const { colouring } = this.app;
    byId("legend-none").hidden = colouring.isNumber;
    byId("legend").replaceChildren(...(colouring.isNumber ? this.range(colouring) : this.entries(colouring)));
  }

  entries(colouring) {
    const { values } = colouring.facts;
    const shownCodes = values.map((_, code) => code).slice(0, MOST_LEGEND);
    const rest = values.map((_, code) => code).slice(MOST_LEGEND);
    const made = shownCodes.map((code) => {
      const name = values[code] ?? "none";
      const only = () => {
        colouring.visible.fill(0);
        colouring.visible[code] = 1;
        this.show();
        this.app.filter();
        byId(`legend-${code}`).focus();
      };
      return this.entry(name, [code], css(colouring.colours[code]), colouring.counts[code], only);
    });
    if (rest.length) {
      const total = rest.reduce((sum, code) => sum + colouring.counts[code], 0);
      made.push(this.entry(`${count(rest.length)} others`, rest, "", total, null));
    }
    return made;
  }

  entry(name, codes, colour, total, only) {
    const { colouring } = this.app;
    const box = element("input", {
      type: "checkbox",
      id: `legend-${codes[0]}`,
      onchange: () => {
        for (const code of codes) colouring.visible[code] = box.checked ? 1 : 0;
        this.app.filter();
      },
    });
    box.checked = codes.some((code) => colouring.visible[code]);
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = colour || "linear-gradient(90deg, #4c8dd6, #e8862f, #3fa65a)";
    const label = element("label", {}, box, swatch, element("span", { class: "name" }, isolated(name)));
    const parts = [label, element("span", { class: "count" }, count(total))];
    if (only) parts.push(element("button", { class: "only", onclick: only, "aria-label": `only ${shown(name)}` }, "only"));
    return element("li", {}, ...parts);
  }

  range(colouring) {
    const bar = element("div", { class: "gradient" });
    bar.style.background = `linear-gradient(90deg, ${GRADIENT.map(css).join(", ")})`;
    const text = element("p", { class: "soft" });
    const tell = () => {
      text.textContent = `${colouring.number(colouring.low)} to ${colouring.number(colouring.high)}`;
    };
    const slider = (which, label) => {
      const input = element("input", { type: "range", min: 0, max: 1000, "aria-label": label });
      input.value = String(colouring[which] * 1000);
      input.addEventListener("input", () => {
        colouring[which] = Number(input.value) / 1000;
        tell();
        this.app.filter();
      });
      return input;
    };
    tell();
    const { name } = colouring.facts;
    return [element("li", { class: "range" }, bar, slider("low", `least ${name}`), slider("high", `greatest ${name}`), text)];
  }
}

// -- lists of points ---------------------------------------------------------------------------------

function listRows(list, rows, app) {
  const some = rows.length > MOST_LISTED ? rows.slice(0, MOST_LISTED) : rows;
  const items = Array.from(some, (row) => {
    const open = () => app.open(row, true);
    return element("li", {}, element("button", { class: "row", onclick: open }, isolated(app.title(row))));
  });
  if (rows.length > MOST_LISTED) {
    items.push(element("li", { class: "soft" }, `and ${count(rows.length - MOST_LISTED)} more`));
  }
  list.replaceChildren(...items);
}

class Search {
  constructor(app) {
    this.app = app;
    this.rows = null;
    this.input = byId("search");
    let timer = 0;
    this.input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.find(), 150);
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        clearTimeout(timer);
        this.find();
        if (this.rows?.length) app.open(this.rows[0], true);
      } else if (event.key === "Escape") {
        event.stopPropagation();
        this.clear();
        byId("map").focus();
      }
    });
    byId("search-select").addEventListener("click", () => app.select(this.rows ?? []));
  }

  clear() {
    this.input.value = "";
    this.find();
  }

  async find() {
    const words = this.input.value.trim();
    await this.app.whenNamed;
    if (words !== this.input.value.trim()) return;
    this.rows = words ? this.matches(words) : null;
    byId("search-select").hidden = !this.rows?.length;
    byId("search-said").textContent = this.rows ? `${plural(this.rows.length, "point")} found` : "";
    listRows(byId("search-found"), this.rows ?? [], this.app);
    this.app.mark();
  }

  matches(words) {
    const { app } = this;
    const pattern = new RegExp(words.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "i");
    const isFound = Uint8Array.from(app.names, (name) => (pattern.test(name) ? 1 : 0));
    const rows = [];
    for (let row = 0; row < app.count; row++) if (isFound[app.mediumOf[row]]) rows.push(row);
    return rows;
  }
}

// -- chosen points -----------------------------------------------------------------------------------

class Selection {
  constructor(app) {
    this.app = app;
    byId("selected-copy").addEventListener("click", () => this.copy());
    byId("selected-save").addEventListener("click", () => this.save());
    byId("selected-clear").addEventListener("click", () => app.select([]));
  }

  show() {
    const rows = [...this.app.selected];
    byId("selected").hidden = rows.length === 0;
    byId("selected-count").textContent = `${plural(rows.length, "point")} chosen`;
    listRows(byId("selected-rows"), rows, this.app);
  }

  async copy() {
    const text = [...this.app.selected].map((row) => this.app.title(row)).join("\n");
    const button = byId("selected-copy");
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages from a disk may lack the clipboard's interface; the old command still works there.
      const area = element("textarea", { "aria-hidden": "true", class: "aside" });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    this.app.say(`${plural(this.app.selected.size, "name")} copied`);
  }

  csv() {
    const { app } = this;
    const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const columns = ["name", "time_s", "key", ...header.colours.map((facts) => facts.name)];
    const lines = [...app.selected].map((row) => {
      const time = app.times && app.times[row] >= 0 ? (app.times[row] / 1000).toFixed(3) : "";
      const values = app.colourings.map((colouring) => colouring?.text(row) ?? "");
      return [app.name(row), time, app.key(row), ...values].map(cell).join(",");
    });
    return `${[columns.map(cell).join(","), ...lines].join("\r\n")}\r\n`;
  }

  async save() {
    await Promise.all([this.app.loadAddresses(), this.app.allColourings()]);
    const address = URL.createObjectURL(new Blob([this.csv()], { type: "text/csv" }));
    element("a", { href: address, download: "chosen.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    this.app.say(`${plural(this.app.selected.size, "row")} saved`);
  }
}

// -- details -----------------------------------------------------------------------------------------

class Details {
  constructor(app) {
    this.app = app;
    byId("details-close").addEventListener("click", () => app.close());
  }

  async show(row) {
    const { app } = this;
    byId("details").hidden = row < 0;
    if (row < 0) return;
    await Promise.all([app.loadAddresses(), app.allColourings()]);
    if (app.opened !== row) return;
    byId("details-name").replaceChildren(isolated(app.name(row)));
    const facts = [];
    if (app.times && app.times[row] >= 0) facts.push(["time", timeText(app.times[row])]);
    for (const colouring of app.colourings) {
      const { name } = colouring.facts;
      if (name !== "medium" && name !== "time" && colouring.text(row)) facts.push([name, colouring.text(row)]);
    }
    if (app.key(row)) facts.push(["key", app.key(row)]);
    byId("details-facts").replaceChildren(
      ...facts.flatMap(([name, value]) => [element("dt", {}, shown(name)), element("dd", {}, isolated(value))]),
    );
    this.link(row);
    this.image(row);
  }

  link(row) {
    const { app } = this;
    const uri = app.uri(row);
    const link = byId("details-link");
    // No browser opens a member of an archive, whose address has a #.
    link.hidden = !/^(file|https?):/.test(uri) || uri.includes("#");
    const time = app.times && app.times[row] >= 0 ? `#t=${(app.times[row] / 1000).toFixed(3)}` : "";
    if (!link.hidden) link.href = uri + time;
  }

  // The embedded thumbnail, then the image's file in its place where the browser may read it.
  image(row) {
    const { app } = this;
    const frame = byId("details-image");
    const canvas = element("canvas", { width: 320, height: 320, "aria-hidden": "true" });
    const hasThumbnail = app.thumbnails.draw(canvas.getContext("2d"), row, 0, 0, 320);
    frame.replaceChildren(...(hasThumbnail ? [canvas] : []));
    if (!app.isImageFile(row) || location.protocol !== "file:") return;
    const image = element("img", { alt: "" });
    image.onload = () => app.opened === row && frame.replaceChildren(image);
    image.src = app.uri(row);
  }
}
