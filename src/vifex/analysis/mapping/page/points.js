// Two ways to draw the points: by WebGL, and by pixels of a 2D canvas where there is no WebGL.

const VERTEX = `
attribute vec2 place;
attribute vec4 colour;
uniform vec2 centre;
uniform vec2 scale;
uniform mediump float size;
uniform float faint;
varying vec4 tint;
void main() {
  bool isFaint = colour.a < 0.9;
  bool isSkipped = colour.a < 0.01 || isFaint != (faint > 0.5);
  gl_Position = isSkipped ? vec4(2.0, 2.0, 2.0, 1.0) : vec4((place - centre) * scale, 0.0, 1.0);
  gl_PointSize = size;
  tint = vec4(colour.rgb, isFaint ? 0.16 : 0.9);
}`;

const FRAGMENT = `
precision mediump float;
uniform mediump float size;
varying vec4 tint;
void main() {
  float far = length(gl_PointCoord - 0.5) * size;
  float alpha = tint.a * (size < 2.5 ? 1.0 : clamp(size * 0.5 - far + 0.5, 0.0, 1.0));
  gl_FragColor = vec4(tint.rgb * alpha, alpha);
}`;

class WebglPoints {
  constructor(canvas, gl) {
    this.canvas = canvas;
    this.gl = gl;
    this.name = "WebGL";
    this.start();
  }

  static on(canvas) {
    const choices = { antialias: false, depth: false, stencil: false };
    const gl = canvas.getContext("webgl2", choices) || canvas.getContext("webgl", choices);
    return gl ? new WebglPoints(canvas, gl) : null;
  }

  // WebGL in software takes a second for a million points, where a 2D canvas takes a tenth of one. It is tried on
  // another canvas, as one that once gave a WebGL context gives no 2D context.
  static isQuick() {
    const gl = document.createElement("canvas").getContext("webgl");
    if (!gl) return false;
    const names = gl.getExtension("WEBGL_debug_renderer_info");
    const name = gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
  }

  start() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    this.uniform = Object.fromEntries(
      ["centre", "scale", "size", "faint"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    this.places = { buffer: gl.createBuffer(), at: gl.getAttribLocation(program, "place") };
    this.colours = { buffer: gl.createBuffer(), at: gl.getAttribLocation(program, "colour") };
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  setPositions(positions) {
    this.count = positions.length / 2;
    this.fill(this.places, positions, 2, this.gl.UNSIGNED_SHORT);
  }

  setColours(rgba, hasFaint) {
    this.hasFaint = hasFaint;
    this.fill(this.colours, rgba, 4, this.gl.UNSIGNED_BYTE);
  }

  fill(attribute, values, size, kind) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, attribute.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(attribute.at);
    gl.vertexAttribPointer(attribute.at, size, kind, true, 0, 0);
  }

  draw(view, sizePx, ratio) {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.uniform.centre, view.x / SPAN, view.y / SPAN);
    const scale = 2 * view.scale * SPAN;
    gl.uniform2f(this.uniform.scale, scale / view.width, scale / view.height);
    gl.uniform1f(this.uniform.size, sizePx * ratio);
    for (const faint of this.hasFaint ? [1, 0] : [0]) {
      gl.uniform1f(this.uniform.faint, faint);
      gl.drawArrays(gl.POINTS, 0, this.count);
    }
  }

  // Waits until what was drawn is there.
  finish() {
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
  }
}

class CanvasPoints {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.name = "Canvas 2D";
  }

  setPositions(positions) {
    this.positions = positions;
  }

  setColours(rgba, hasFaint) {
    this.rgba = rgba;
    this.hasFaint = hasFaint;
  }

  draw(view, sizePx, ratio, grid) {
    const { width, height } = this.canvas;
    const image = this.context.createImageData(width, height);
    const disc = discOf(Math.max(1, Math.round(sizePx * ratio)));
    const bounds = view.bounds(sizePx);
    const isPart = grid && grid.estimate(bounds) < 0.5 * this.rgba.length / 4;
    let rows = null;
    if (isPart) {
      rows = [];
      grid.within(bounds, (row) => rows.push(row));
    }
    for (const faint of this.hasFaint ? [true, false] : [false]) this.pass(image, disc, view, ratio, faint, rows);
    this.context.putImageData(image, 0, 0);
  }

  // Draws the given rows, or all of them.
  pass(image, disc, view, ratio, faint, rows) {
    const { positions, rgba } = this;
    const { width, height } = image;
    const pixels = new Uint32Array(image.data.buffer);
    const colours = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
    const scale = view.scale * ratio;
    const left = width / 2 - view.x * scale;
    const top = height / 2 + view.y * scale;
    const total = rows ? rows.length : colours.length;
    for (let at = 0; at < total; at++) {
      const row = rows ? rows[at] : at;
      const alpha = rgba[4 * row + 3];
      if (alpha === 0 || alpha < 255 !== faint) continue;
      const x = Math.round(positions[2 * row] * scale + left);
      const y = Math.round(top - positions[2 * row + 1] * scale);
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      const colour = ((colours[row] & 0xffffff) | ((faint ? 48 : 235) << 24)) >>> 0;
      for (let i = 0; i < disc.length; i += 2) {
        const px = x + disc[i];
        const py = y + disc[i + 1];
        if (px >= 0 && py >= 0 && px < width && py < height) pixels[py * width + px] = colour;
      }
    }
  }

  finish() {}
}

// Offsets of the pixels of a disc.
function discOf(size) {
  const offsets = [];
  const middle = (size - 1) / 2;
  const shift = Math.floor(middle);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (size < 3 || (x - middle) ** 2 + (y - middle) ** 2 <= (size * size) / 4) offsets.push(x - shift, y - shift);
    }
  }
  return offsets;
}

function pointsOn(canvas) {
  const isWanted = header.renderer ? header.renderer === "webgl" : WebglPoints.isQuick();
  try {
    const points = isWanted ? WebglPoints.on(canvas) : null;
    if (points) return points;
  } catch (error) {
    console.warn(`WebGL cannot be used: ${error.message}`);
    const fresh = canvas.cloneNode();
    canvas.replaceWith(fresh);
    return new CanvasPoints(fresh);
  }
  return new CanvasPoints(canvas);
}
