// Colours of the points: one for each category, or a gradient over a range of numbers.

const PALETTE = [
  "#4c8dd6", "#e8862f", "#3fa65a", "#d9504f", "#9b6fce", "#a0705e", "#dd6fb4", "#8f8f8f", "#b3b52b", "#2bb3bf",
  "#7fb2ef", "#f4b26f", "#8fd39a", "#f08f8c", "#c3a4ec", "#c9a394", "#f0a6d3", "#5f7f2f", "#d8c93f", "#7bdbe2",
];
const NONE = [140, 144, 150];
const NO_NUMBER = 65535;

// Viridis at ten places, from dark to light.
const GRADIENT = [
  [68, 1, 84], [72, 40, 120], [62, 73, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];

function categoryColour(place) {
  if (place < PALETTE.length) {
    const hex = parseInt(PALETTE[place].slice(1), 16);
    return [hex >> 16, (hex >> 8) & 255, hex & 255];
  }
  // Golden angle between neighbours; lightness and saturation vary, so that hundreds still differ somewhat.
  return fromHsl((place * 137.508) % 360, 0.45 + 0.2 * (place % 3) / 2, 0.45 + 0.15 * ((place >> 2) % 3) / 2);
}

function fromHsl(hue, saturation, lightness) {
  const a = saturation * Math.min(lightness, 1 - lightness);
  return [0, 8, 4].map((n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  });
}

function gradientColour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (GRADIENT.length - 1);
  const low = Math.min(Math.floor(at), GRADIENT.length - 2);
  return GRADIENT[low].map((v, i) => Math.round(v + (GRADIENT[low + 1][i] - v) * (at - low)));
}

const css = (rgb) => `rgb(${rgb.join(" ")})`;

// A colouring: the codes of all rows, the colour of each code, and which codes are shown.
class Colouring {
  constructor(facts, codes) {
    this.facts = facts;
    this.codes = codes;
    this.isNumber = facts.kind === "number";
    this.low = 0;
    this.high = 1;
    if (this.isNumber) return;
    this.counts = new Uint32Array(facts.values.length);
    for (const code of codes) this.counts[code]++;
    this.visible = new Uint8Array(facts.values.length).fill(1);
    let place = 0;
    const isPlain = facts.values.length === 1;
    this.colours = facts.values.map((value) => (value === null && !isPlain ? NONE : categoryColour(place++)));
  }

  isShown(row) {
    const code = this.codes[row];
    if (!this.isNumber) return this.visible[code] === 1;
    if (code === NO_NUMBER) return this.low === 0 && this.high === 1;
    const share = code / (NO_NUMBER - 1);
    return share >= this.low && share <= this.high;
  }

  get isFiltered() {
    return this.isNumber ? this.low > 0 || this.high < 1 : this.visible.includes(0);
  }

  colour(row) {
    const code = this.codes[row];
    if (!this.isNumber) return this.colours[code];
    return code === NO_NUMBER ? NONE : gradientColour(code / (NO_NUMBER - 1));
  }

  text(row) {
    const code = this.codes[row];
    if (!this.isNumber) return this.facts.values[code] ?? "";
    return code === NO_NUMBER ? "" : this.number(code / (NO_NUMBER - 1));
  }

  number(share) {
    const { min, max, unit } = this.facts;
    const value = min + (max - min) * share;
    return unit === "s" ? timeText(Math.round(value * 1000)) : String(Number(value.toPrecision(4)));
  }

  // Red, green, blue and alpha of all rows: alpha 255 is drawn in full, 64 is faint, 0 is hidden.
  paint(rgba, shownRows, marked) {
    const table = this.isNumber ? Array.from({ length: 256 }, (_, i) => gradientColour(i / 255)) : this.colours;
    for (let row = 0, at = 0; row < this.codes.length; row++, at += 4) {
      const code = this.codes[row];
      let rgb;
      if (!this.isNumber) rgb = table[code];
      else rgb = code === NO_NUMBER ? NONE : table[code >> 8];
      rgba[at] = rgb[0];
      rgba[at + 1] = rgb[1];
      rgba[at + 2] = rgb[2];
      rgba[at + 3] = !shownRows[row] ? 0 : marked && !marked[row] ? 64 : 255;
    }
  }
}
