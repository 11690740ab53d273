// The map itself: what is shown, chosen and opened, and how pointers and keys change it.

class App {
  constructor() {
    this.view = new View();
    this.selected = new Set();
    this.opened = -1;
    this.hovered = -1;
    this.colourings = header.colours.map(() => null);
    this.box = byId("map");
    this.overlay = byId("overlay");
    this.lasso = null;
    this.isLassoing = false;
  }

  async start() {
    this.positions = await section("positions");
    this.count = this.positions.length / 2;
    this.view.setExtent(this.positions);
    this.rgba = new Uint8Array(4 * this.count);
    this.shownRows = new Uint8Array(this.count).fill(1);
    this.points = pointsOn(byId("points"));
    this.points.setPositions(this.positions);
    await this.loadColouring(0);
    this.colouring = this.colourings[0];
    this.paint();
    this.fit();
    this.points.finish();
    performance.mark("vifex-map-drawn");
    document.documentElement.dataset.state = "drawn";
    this.grid = new Grid(this.positions);
    const fresh = () => this.redraw();
    this.thumbnails = new Thumbnails(await section("thumbnails"), fresh);
    this.whenNamed = this.loadNames();
    this.legend = new Legend(this);
    this.search = new Search(this);
    this.selection = new Selection(this);
    this.details = new Details(this);
    this.legend.show();
    listen(this);
    this.tell();
    this.redraw();
    await this.whenNamed;
    performance.mark("vifex-map-ready");
    document.documentElement.dataset.state = "ready";
    document.documentElement.dataset.renderer = this.points.name;
  }

  async loadNames() {
    this.names = await section("names");
    this.times = await section("times");
    const counts = await section("counts");
    this.mediumOf = new Uint32Array(this.count);
    let row = 0;
    counts.forEach((n, medium) => this.mediumOf.fill(medium, row, (row += n)));
  }

  // Addresses and keys are only needed for single points, so they are read when the first of them is.
  loadAddresses() {
    this.whenAddressed ??= (async () => {
      await this.whenNamed;
      this.uris = await section("uris");
      this.ids = await section("ids");
      this.ordinals = await section("ordinals");
      this.redraw();
    })();
    return this.whenAddressed;
  }

  async loadColouring(place) {
    this.colourings[place] ??= new Colouring(header.colours[place], await section(`codes-${place}`));
  }

  async allColourings() {
    for (let place = 0; place < this.colourings.length; place++) await this.loadColouring(place);
  }

  // -- facts of a row ----------------------------------------------------------------------------------

  name(row) {
    return this.names[this.mediumOf[row]];
  }

  title(row) {
    const time = this.times ? timeText(this.times[row]) : "";
    return time ? `${this.name(row)} @ ${time}` : this.name(row);
  }

  uri(row) {
    return this.uris?.[this.mediumOf[row]] ?? "";
  }

  key(row) {
    return this.ids ? `${this.ids[this.mediumOf[row]]}:${this.ordinals ? this.ordinals[row] : 0}` : "";
  }

  isImageFile(row) {
    if (!this.uris || (this.times && this.times[row] >= 0)) return false;
    return /^file:.*\.(jpe?g|png|webp|gif|avif|bmp|apng|svg)$/i.test(this.uri(row));
  }

  isShown(row) {
    return this.shownRows[row] === 1;
  }

  // -- what is shown -----------------------------------------------------------------------------------

  async colourBy(place) {
    await this.loadColouring(place);
    this.colouring = this.colourings[place];
    byId("colour-by").value = String(place);
    this.legend.show();
    this.filter();
  }

  // A row is shown if every colouring that has a filter shows it.
  filter() {
    const filters = this.colourings.filter((colouring) => colouring?.isFiltered);
    for (let row = 0; row < this.count; row++) {
      let isShown = 1;
      for (const filter of filters) if (!filter.isShown(row)) isShown = 0;
      this.shownRows[row] = isShown;
    }
    this.mark();
    this.tell();
  }

  // Marks what was found or chosen; the other points become faint.
  mark() {
    const rows = this.search?.rows ?? (this.selected.size ? this.selected : null);
    this.marked = null;
    if (rows) {
      this.marked = new Uint8Array(this.count);
      for (const row of rows) this.marked[row] = 1;
    }
    this.paint();
    this.redraw();
  }

  paint() {
    this.colouring.paint(this.rgba, this.shownRows, this.marked);
    this.points.setColours(this.rgba, Boolean(this.marked));
  }

  select(rows) {
    this.selected = new Set(rows);
    this.selection.show();
    this.mark();
    if (rows.length) this.say(`${plural(rows.length, "point")} chosen`);
  }

  open(row, isCentred) {
    this.opened = row;
    if (isCentred) this.view.centreOn(this.positions[2 * row], this.positions[2 * row + 1], 8);
    this.details.show(row).then(() => row >= 0 && this.say(this.title(row)));
    this.redraw();
  }

  close() {
    this.opened = -1;
    this.details.show(-1);
    this.redraw();
    this.box.focus();
  }

  // The point nearest to a place on screen, within a number of pixels, or whose thumbnail is there; -1 for none.
  at(left, top, pixels) {
    const thumbnail = this.thumbnails.at(left, top);
    if (thumbnail >= 0) return thumbnail;
    const [x, y] = this.view.toMap(left, top);
    return this.grid.nearest(x, y, pixels / this.view.scale, (row) => this.isShown(row));
  }

  say(text) {
    byId("said").textContent = shown(text);
  }

  tell() {
    let total = 0;
    for (const value of this.shownRows) total += value;
    byId("shown").textContent =
      total === this.count ? plural(total, "point") : `${count(total)} of ${plural(this.count, "point")}`;
  }

  // -- drawing -----------------------------------------------------------------------------------------

  fit() {
    const { width, height } = this.box.getBoundingClientRect();
    this.view.resize(width, height);
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    for (const canvas of [this.points.canvas, this.overlay]) {
      canvas.width = Math.max(1, Math.round(width * this.ratio));
      canvas.height = Math.max(1, Math.round(height * this.ratio));
    }
    this.draw();
  }

  redraw() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      this.draw();
    });
  }

  get pointSize() {
    const { view } = this;
    const room = Math.sqrt((view.width * view.height) / this.count) * Math.sqrt(view.zoom) * 0.3;
    return Math.min(Math.max(room, 1.5), 9);
  }

  draw() {
    this.points.draw(this.view, this.pointSize, this.ratio, this.grid);
    const context = this.overlay.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.view.width, this.view.height);
    if (!this.thumbnails) return;
    this.thumbnails.drawn = [];
    if (byId("thumbnails-shown").checked) this.thumbnails.drawAll(context, this.view, this);
    this.drawRing(context, this.hovered, 1.5);
    this.drawRing(context, this.opened, 3);
    this.drawLasso(context);
    if (document.activeElement === this.box && this.isByKeys) this.drawCentre(context);
  }

  ink() {
    return getComputedStyle(document.documentElement).getPropertyValue("--ink");
  }

  drawRing(context, row, width) {
    if (row < 0) return;
    const [x, y] = this.view.toScreen(this.positions[2 * row], this.positions[2 * row + 1]);
    context.beginPath();
    context.arc(x, y, this.pointSize / 2 + 4, 0, 7);
    context.lineWidth = width;
    context.strokeStyle = this.ink();
    context.stroke();
  }

  drawLasso(context) {
    if (!this.lasso) return;
    context.beginPath();
    for (const [x, y] of this.lasso) context.lineTo(...this.view.toScreen(x, y));
    context.closePath();
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.strokeStyle = this.ink();
    context.stroke();
    context.setLineDash([]);
  }

  // The place that Enter opens.
  drawCentre(context) {
    const [x, y] = [this.view.width / 2, this.view.height / 2];
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 5 * dx, y + 5 * dy);
      context.lineTo(x + 12 * dx, y + 12 * dy);
    }
    context.lineWidth = 1.5;
    context.strokeStyle = this.ink();
    context.stroke();
  }
}
