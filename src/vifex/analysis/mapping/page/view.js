// The part of the map that is on screen. Positions are 0 to 65535 on both axes; y grows upwards. The points fill
// the longer side of that square, and the middle of the other.

const SPAN = 65535;
const MOST_ZOOM = 400;

class View {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.extent = [SPAN, SPAN];
    this.reset();
  }

  setExtent(positions) {
    const low = [SPAN, SPAN];
    const high = [0, 0];
    for (let i = 0; i < positions.length; i++) {
      if (positions[i] < low[i & 1]) low[i & 1] = positions[i];
      if (positions[i] > high[i & 1]) high[i & 1] = positions[i];
    }
    this.extent = high.map((value, axis) => Math.max(value - low[axis], SPAN / 20));
  }

  reset() {
    this.x = SPAN / 2;
    this.y = SPAN / 2;
    this.zoom = 1;
  }

  resize(width, height) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
  }

  // CSS pixels for a unit of the map.
  get scale() {
    return this.zoom * Math.min((0.94 * this.width) / this.extent[0], (0.9 * this.height) / this.extent[1]);
  }

  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, (this.y - y) * this.scale + this.height / 2];
  }

  toMap(left, top) {
    return [(left - this.width / 2) / this.scale + this.x, this.y - (top - this.height / 2) / this.scale];
  }

  pan(left, top) {
    this.x = Math.min(Math.max(this.x - left / this.scale, 0), SPAN);
    this.y = Math.min(Math.max(this.y + top / this.scale, 0), SPAN);
  }

  zoomAt(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.toMap(left, top);
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.5), MOST_ZOOM);
    const [nowX, nowY] = this.toMap(left, top);
    this.x += x - nowX;
    this.y += y - nowY;
    this.pan(0, 0);
  }

  centreOn(x, y, zoom) {
    this.x = x;
    this.y = y;
    this.zoom = Math.min(Math.max(this.zoom, zoom), MOST_ZOOM);
  }

  // The part on screen with a margin: [left, bottom, right, top] in units of the map.
  bounds(margin = 0) {
    const [left, top] = this.toMap(-margin, -margin);
    const [right, bottom] = this.toMap(this.width + margin, this.height + margin);
    return [left, bottom, right, top];
  }
}
