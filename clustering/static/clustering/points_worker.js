/**
 * Reads input beside the page, which thus does not freeze.
 *
 * A message `{ id, name, args }` calls one of CALLS; the reply is `{ id, result }` or `{ id, error }`.
 * Reading sends `{ progress }`, 0 to 1, meanwhile. The input that is read last is kept.
 */

import { toCsv } from "./csv.js";
import { InputError } from "./input_error.js";
import { readPoints } from "./points.js";

const LARGE_CHARACTERS = 200_000; // a longer file is shown in parts
const PART_CHARACTERS = 5_000;
const FOUND_CHARACTERS = 60;
const INLINE_CHARACTERS = 1_000; // of a body that is short enough for code
const DRAWN_POINTS = 20_000;
const DRAWN_WORK = 1e8; // points * dimensions²: what principal components take
const REPORT_MILLISECONDS = 100;

let text = "";
let isFile = false;
let select = null;
let points = null;

const CALLS = {
  /** Read a string or a File; `legacyEncoding` is that of files that are not UTF-8. */
  async read(source, selection, legacyEncoding) {
    isFile = typeof source !== "string";
    text = isFile ? await decode(source, legacyEncoding) : source;
    if (text.includes("\r")) text = text.replace(/\r\n?/g, "\n"); // as a textarea has them
    const shown = isFile ? { shown: isLarge() ? part(0) : text, isWhole: !isLarge() } : {};
    try {
      select = readPoints(text, report);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { ...shown, error: described(error), columns: null };
    }
    return { ...shown, ...CALLS.select(selection) };
  },

  /** Select other columns of what is read. */
  select(selection) {
    points = select(selection);
    const { error, columns, incomplete, skipped, count, dimensions, names } = points;
    const selected = { error: error && described(error), columns, incomplete, skipped };
    if (error) return selected;
    const body = new Blob(points.body, { type: "application/json" });
    return { ...selected, body, inline: inline(body), count, dimensions, names, ...sample() };
  },

  /** Return the place of the value at a path of indices. */
  place(path) {
    const place = points.placeOf(path);
    return place && withContext(place);
  },

  /** Return a CSV file of the points, with all columns and their labels. */
  csv(labels) {
    const rows = [[...points.allNames, "cluster"]];
    labels.forEach((label, index) => rows.push([...points.cellsAt(index), label]));
    return new Blob([toCsv(rows)], { type: "text/csv" });
  },
};

let reported = 0;
function report(progress) {
  if (performance.now() - reported < REPORT_MILLISECONDS) return;
  reported = performance.now();
  postMessage({ progress });
}

async function decode(file, legacyEncoding) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const startsWith = (...start) => start.every((byte, index) => bytes[index] === byte);
  const isZip = startsWith(0x50, 0x4b, 0x03, 0x04);
  const isOle = startsWith(0xd0, 0xcf, 0x11, 0xe0);
  if (isZip || isOle || /\.(xlsx?|ods|numbers)$/i.test(file.name)) {
    throw new InputError("spreadsheet", { name: file.name });
  }
  if (startsWith(0xff, 0xfe)) return new TextDecoder("utf-16le").decode(bytes);
  if (startsWith(0xfe, 0xff)) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return new TextDecoder(legacyEncoding).decode(bytes);
  }
}

function isLarge() {
  return isFile && text.length > LARGE_CHARACTERS;
}

/** Return some text from `start` on, up to the end of a line. */
function part(start) {
  return text.slice(start, start + PART_CHARACTERS).replace(/\n[^\n]*$/, "");
}

/** Return a place with the text `found` there; if the file is large, with the part around it. */
function withContext({ line, start, end }) {
  const found = text.slice(start, Math.min(end, start + FOUND_CHARACTERS + 1));
  if (!isLarge()) return { line, start, end, found };
  const before = Math.max(0, start - PART_CHARACTERS / 2);
  const newline = text.lastIndexOf("\n", before);
  const first = start - newline < PART_CHARACTERS ? newline + 1 : before;
  const stop = Math.min(end, start + PART_CHARACTERS / 2);
  const shown = text.slice(first, stop) + part(stop);
  return { line, start: start - first, end: stop - first, found, shown };
}

function described({ key, values, place }) {
  return { key, values, place: place && withContext(place) };
}

function inline(body) {
  if (points.count === null || body.size > 20 * INLINE_CHARACTERS) return null;
  const all = Array.from({ length: points.count }, (_, index) => points.pointAt(index));
  const compact = JSON.stringify({ points: all });
  return compact.length <= INLINE_CHARACTERS ? compact : null;
}

/** Return the points to draw, and, if these are not all, their indices. */
function sample() {
  const { count, dimensions, pointAt } = points;
  if (count === null) return {};
  const most = Math.min(DRAWN_POINTS, Math.max(500, Math.round(DRAWN_WORK / dimensions ** 2)));
  const size = Math.min(count, most);
  // One of each stretch of the input, at another place in each, in case the input has a period.
  const place = (index) => (size < count ? (index * 0.618034) % 1 : 0);
  const indices = Array.from({ length: size }, (_, index) =>
    Math.floor(((index + place(index)) * count) / size),
  );
  return { drawn: indices.map(pointAt), indices: size < count ? indices : null };
}

addEventListener("message", async ({ data: { id, name, args } }) => {
  try {
    postMessage({ id, result: await CALLS[name](...args) });
  } catch (error) {
    const isKnown = error instanceof InputError;
    const known = isKnown ? described(error) : null;
    postMessage({ id, error: known ?? { key: "unreadable", values: { message: error.message } } });
  }
});
