// Thumbnails on the points: from sheets of JPEGs in the page, and from the files of images where they can be read.

const MOST_POINTS = 3000; // on screen, for thumbnails
const MOST_FILES = 120; // on screen, for images that are read from their files
const KEPT_FILES = 300;

class Thumbnails {
  constructor(rows, onLoad) {
    this.rows = rows ?? new Uint32Array(0);
    this.slot = new Map();
    this.rows.forEach((row, slot) => this.slot.set(row, slot));
    this.onLoad = onLoad;
    this.sheets = [];
    this.files = new Map();
    this.failures = 0;
    this.successes = 0;
    this.drawn = [];
  }

  // The row whose thumbnail is at a place on screen; -1 if there is none.
  at(left, top) {
    const found = this.drawn.find(([, [x, y, w, h]]) => left >= x && top >= y && left <= x + w && top <= y + h);
    return found ? found[0] : -1;
  }

  // The sheet is decoded when its first thumbnail is drawn.
  sheet(number) {
    if (!this.sheets[number]) {
      const element = document.getElementById(`map-sheet-${number}`);
      const image = new Image();
      image.onload = this.onLoad;
      image.src = `data:image/jpeg;base64,${element.textContent.trim()}`;
      element.remove();
      this.sheets[number] = image;
    }
    const image = this.sheets[number];
    return image.complete && image.naturalWidth ? image : null;
  }

  // Draws the thumbnail of a row into a square; returns its rectangle, or null if there is none.
  draw(context, row, left, top, side) {
    const slot = this.slot.get(row);
    if (slot === undefined) return null;
    const { cell, columns, per_sheet: perSheet, sizes } = header.atlas;
    const sheet = this.sheet(Math.floor(slot / perSheet));
    if (!sheet) return null;
    const within = slot % perSheet;
    const [width, height] = [sizes[2 * slot], sizes[2 * slot + 1]];
    const x = (within % columns) * cell;
    const y = Math.floor(within / columns) * cell;
    const share = side / Math.max(width, height);
    const [w, h] = [width * share, height * share];
    const place = [left + (side - w) / 2, top + (side - h) / 2, w, h];
    context.drawImage(sheet, x, y, width, height, ...place);
    return place;
  }

  // An image of a file that is read by the browser; null until it is there, or where it may not be read.
  file(uri) {
    if (this.files.has(uri)) {
      const image = this.files.get(uri);
      this.files.delete(uri);
      this.files.set(uri, image);
      return image.complete && image.naturalWidth ? image : null;
    }
    if (this.failures > 8 && this.successes === 0) return null;
    const image = new Image();
    image.onload = () => {
      this.successes++;
      this.onLoad();
    };
    image.onerror = () => this.failures++;
    image.src = uri;
    this.files.set(uri, image);
    if (this.files.size > KEPT_FILES) this.files.delete(this.files.keys().next().value);
    return null;
  }

  // Draws those that do not overlap. Rows come in an order that is spread over the map.
  drawAll(context, view, app) {
    const bounds = view.bounds(24);
    const near = app.grid.estimate(bounds);
    if (near > MOST_POINTS) return;
    const side = Math.round(Math.min(112, 24 + 13 * Math.log2(view.zoom + 1)));
    const taken = new Map();
    const place = (row, drawn) => {
      if (!app.isShown(row)) return;
      const [x, y] = view.toScreen(app.positions[2 * row], app.positions[2 * row + 1]);
      const [column, line] = [Math.floor(x / side), Math.floor(y / side)];
      for (const dx of [-1, 0, 1]) {
        for (const dy of [-1, 0, 1]) {
          const other = taken.get(`${column + dx},${line + dy}`);
          if (other && Math.abs(other[0] - x) < side + 4 && Math.abs(other[1] - y) < side + 4) return;
        }
      }
      const corner = [Math.round(x - side / 2), Math.round(y - side / 2)];
      context.globalAlpha = app.marked && !app.marked[row] ? 0.25 : 1;
      const frame = drawn(corner);
      if (!frame) return;
      this.drawn.push([row, frame]);
      taken.set(`${column},${line}`, [x, y]);
      context.lineWidth = app.selected.has(row) ? 3 : 1.5;
      context.strokeStyle = css(app.colouring.colour(row));
      context.strokeRect(frame[0] - 1, frame[1] - 1, frame[2] + 2, frame[3] + 2);
    };
    this.drawEmbedded(context, bounds, side, place, app);
    if (near <= MOST_FILES && location.protocol === "file:") {
      app.loadAddresses();
      this.drawFiles(context, bounds, side, place, app);
    }
    context.globalAlpha = 1;
  }

  drawEmbedded(context, [left, bottom, right, top], side, place, app) {
    for (const row of this.rows) {
      const x = app.positions[2 * row];
      const y = app.positions[2 * row + 1];
      if (x < left || x > right || y < bottom || y > top) continue;
      place(row, (corner) => this.draw(context, row, ...corner, side));
    }
  }

  drawFiles(context, bounds, side, place, app) {
    app.grid.within(bounds, (row) => {
      if (this.slot.has(row) || !app.isImageFile(row)) return;
      const image = this.file(app.uri(row));
      if (!image) return;
      place(row, (corner) => {
        const share = side / Math.max(image.naturalWidth, image.naturalHeight);
        const [w, h] = [image.naturalWidth * share, image.naturalHeight * share];
        const frame = [corner[0] + (side - w) / 2, corner[1] + (side - h) / 2, w, h];
        context.drawImage(image, ...frame);
        return frame;
      });
    });
  }
}
