// The data of the page: a header in JSON, and sections of numbers or text in base64, some of them gzipped.

const header = JSON.parse(document.getElementById("map-header").textContent);

const KINDS = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, i32: Int32Array };

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

async function unzipped(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Reads a section once; its text is removed from the page, so that memory holds it once.
async function section(name) {
  const element = document.getElementById(`map-${name}`);
  if (!element) return null;
  const { kind, gzip } = element.dataset;
  let bytes = bytesOf(element.textContent.trim());
  element.remove();
  if (gzip) bytes = await unzipped(bytes);
  if (kind === "json") return JSON.parse(new TextDecoder().decode(bytes));
  return new KINDS[kind](bytes.buffer, bytes.byteOffset, bytes.byteLength / KINDS[kind].BYTES_PER_ELEMENT);
}

// Control characters, and those that turn the direction of text, are spelled out.
const TURNING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu;

function shown(text) {
  return text.replace(TURNING, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function timeText(ms) {
  if (ms < 0) return "";
  const s = Math.floor(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const rest = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}.${two(Math.floor((ms % 1000) / 10))}`;
  return s < 3600 ? rest : `${Math.floor(s / 3600)}:${rest}`;
}

const count = new Intl.NumberFormat("en").format;

function plural(n, word) {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}
