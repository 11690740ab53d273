// Rows by place: 256 x 256 cells, filled by a counting sort.

class Grid {
  constructor(positions) {
    this.positions = positions;
    const n = positions.length / 2;
    const starts = new Uint32Array(65537);
    for (let i = 0; i < n; i++) starts[this.cell(i) + 1]++;
    for (let i = 0; i < 65536; i++) starts[i + 1] += starts[i];
    const next = starts.slice();
    this.rows = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.rows[next[this.cell(i)]++] = i;
    this.starts = starts;
  }

  cell(row) {
    return (this.positions[2 * row] >> 8) | ((this.positions[2 * row + 1] >> 8) << 8);
  }

  // Calls `found(row)` for each row within [left, bottom, right, top].
  within([left, bottom, right, top], found) {
    const low = (v) => Math.min(Math.max(Math.floor(v), 0), SPAN) >> 8;
    for (let y = low(bottom); y <= low(top); y++) {
      const first = this.starts[(y << 8) | low(left)];
      const last = this.starts[((y << 8) | low(right)) + 1];
      for (let at = first; at < last; at++) {
        const row = this.rows[at];
        const px = this.positions[2 * row];
        const py = this.positions[2 * row + 1];
        if (px >= left && px <= right && py >= bottom && py <= top) found(row);
      }
    }
  }

  // The number of rows in the cells that the bounds touch.
  estimate([left, bottom, right, top]) {
    const low = (v) => Math.min(Math.max(Math.floor(v), 0), SPAN) >> 8;
    let sum = 0;
    for (let y = low(bottom); y <= low(top); y++) {
      sum += this.starts[((y << 8) | low(right)) + 1] - this.starts[(y << 8) | low(left)];
    }
    return sum;
  }

  nearest(x, y, radius, isShown) {
    let best = -1;
    let least = radius * radius;
    this.within([x - radius, y - radius, x + radius, y + radius], (row) => {
      const square = (this.positions[2 * row] - x) ** 2 + (this.positions[2 * row + 1] - y) ** 2;
      if (square <= least && isShown(row)) {
        least = square;
        best = row;
      }
    });
    return best;
  }

  // The rows inside a polygon [[x, y], ...], by the even-odd rule.
  inside(polygon, isShown) {
    const xs = polygon.map((p) => p[0]);
    const ys = polygon.map((p) => p[1]);
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    const rows = [];
    this.within(box, (row) => {
      const x = this.positions[2 * row];
      const y = this.positions[2 * row + 1];
      let isInside = false;
      for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
        if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) {
          isInside = !isInside;
        }
      }
      if (isInside && isShown(row)) rows.push(row);
    });
    return rows;
  }
}
