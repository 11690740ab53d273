// The part of the map that is on screen. Positions are 0 to 65535 on both axes; y grows upwards.

const SPAN = 65535;
const MOST_ZOOM = 400;

class View {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.reset();
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
    return (this.zoom * 0.94 * Math.min(this.width, this.height)) / SPAN;
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
