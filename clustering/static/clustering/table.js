/** Reads text with a line for each point, such as a CSV file, as a table of numbers. */

import { InputError } from "./input_error.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const MISSING = /^(-|\?|n\/?a|#n\/a|nan|null|none)?$/i;
const QUOTED = /(^|[\s,;])"((?:[^"]|"")*)"/g;
const BLANKS = /\s+/;
const HEAD_CHARACTERS = 65_536; // in which the separator is sought
const ROWS_PER_REPORT = 10_000;
// In the values, in place of a number.
const NO_VALUE = NaN;
const NO_NUMBER = Infinity;

/**
 * Read `text`; `report` is called with the part that is read, 0 to 1.
 *
 * Returns a table: `names` from the first line, or null; for each column, how many values are
 * `missing` and how many are `other` than numbers, with the first as `example`; and what
 * `selectPoints` needs. Stops at a line of another length, and keeps it as `error`.
 */
export function readTable(text, report) {
  const separator = separatorOf(text);
  const table = { text, separator, names: null, columns: null, rows: 0, error: null };
  let values = new Float64Array(1024);
  let starts = new Float64Array(1024); // of the rows, as offsets in the text
  let lines = new Float64Array(1024);
  let line = 0;
  for (let start = 0, end; start < text.length; start = end + 1) {
    end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    line += 1;
    const content = text.slice(start, end);
    if (!content.trim()) continue;
    const cells = split(content, separator);
    const numbers = cells.map((cell) => toNumber(cell, separator));
    if (!table.rows && !table.names && !numbers.some(Number.isFinite)) {
      table.names = cells;
      continue;
    }
    table.columns ??= cells.map(() => ({ missing: 0, other: 0, example: "" }));
    const width = table.columns.length;
    if (cells.length !== width) {
      const found = { line, found: cells.length, expected: width };
      table.error = new InputError("ragged", found, { line, start, end });
      break;
    }
    values = grown(values, (table.rows + 1) * width);
    starts = grown(starts, table.rows + 1);
    lines = grown(lines, table.rows + 1);
    values.set(numbers, table.rows * width);
    starts[table.rows] = start;
    lines[table.rows] = line;
    table.rows += 1;
    for (let index = 0; index < width; index++) {
      if (Number.isFinite(numbers[index])) continue;
      const column = table.columns[index];
      if (Number.isNaN(numbers[index])) column.missing += 1;
      else if (!column.other++) column.example = cells[index];
    }
    if (table.rows % ROWS_PER_REPORT === 0) report(end / text.length);
  }
  if (!table.columns) throw new InputError("empty");
  if (table.names?.length !== table.columns.length) table.names = null;
  return { ...table, values, starts, lines };
}

/**
 * Return the points of a table, without the columns in the array `leftOut`.
 *
 * If `skipMissing` is true, rows with missing values are left out. `error` is the first cell that is
 * no number, or null; `incomplete` counts the rows with missing values.
 *
 * - `body`: the parts of the request's body, strings.
 * - `pointAt`, `placeOf`: a point, and its place in the text, `{ line, start, end }`.
 * - `cellsAt`: a point with what is left out, as text.
 */
export function selectPoints(table, { leftOut, skipMissing }, report) {
  const { text, separator, values, rows } = table;
  const width = table.columns.length;
  const used = table.columns.map((_, index) => index).filter((index) => !leftOut.includes(index));
  const kept = [];
  const body = [];
  let written = [];
  let incomplete = 0;
  let error = null;
  const placeOfRow = (row) => {
    const end = text.indexOf("\n", table.starts[row]);
    return {
      line: table.lines[row],
      start: table.starts[row],
      end: end < 0 ? text.length : end,
    };
  };
  const cellsOfRow = (row) => {
    const { start, end } = placeOfRow(row);
    return split(text.slice(start, end), separator);
  };
  for (let row = 0; row < rows; row++) {
    let wrong = -1; // the first column without a number
    let isIncomplete = false;
    let point = "";
    for (const column of used) {
      const number = values[row * width + column];
      point += `${point && ","}${number}`;
      if (Number.isFinite(number)) continue;
      if (wrong < 0) wrong = column;
      isIncomplete ||= Number.isNaN(number);
    }
    if (isIncomplete) incomplete += 1;
    if (isIncomplete && skipMissing) continue;
    if (wrong >= 0) error ??= wrongCell(placeOfRow(row), cellsOfRow(row)[wrong], wrong);
    if (error) continue; // only counts
    written.push(`${kept.length ? "," : ""}[${point}]`);
    kept.push(row);
    if (kept.length % ROWS_PER_REPORT === 0) {
      body.push(written.join(""));
      written = [];
      report(row / rows);
    }
  }
  body.push(written.join(""));
  error ??= table.error;
  if (!error && !(kept.length && used.length)) error = new InputError("empty");
  const names = table.names && used.map((column) => table.names[column]);
  return {
    error,
    incomplete,
    skipped: skipMissing ? incomplete : 0,
    names,
    count: kept.length,
    dimensions: used.length,
    body: ['{"points":[', ...body, "]}"],
    pointAt: (index) => used.map((column) => values[kept[index] * width + column]),
    placeOf: ([index]) => placeOfRow(kept[index]),
    allNames: table.names ?? table.columns.map((_, column) => `x${column + 1}`),
    cellsAt: (index) => {
      const row = kept[index];
      const cells = leftOut.length ? cellsOfRow(row) : [];
      return table.columns.map((_, column) =>
        leftOut.includes(column) ? cells[column] : values[row * width + column],
      );
    },
  };
}

function separatorOf(text) {
  const head = text.slice(0, HEAD_CHARACTERS).replace(QUOTED, "$1");
  const [first, second] = head.split("\n").filter((line) => line.trim());
  const candidates = [";", "\t", ","];
  const find = (...lines) =>
    candidates.find((character) => lines.every((line) => line?.includes(character)));
  // A header may have a semicolon in a name.
  return find(first, second) ?? find(first) ?? find(head) ?? BLANKS;
}

function split(line, separator) {
  const content = separator === BLANKS ? line.trim() : line;
  if (!content.includes('"')) return content.split(separator).map((cell) => cell.trim());
  const quoted = []; // kept aside, because separators in quotes do not separate
  const bare = content.replace(QUOTED, (_, before, inner) => {
    quoted.push(inner.replaceAll('""', '"'));
    return `${before}\0${quoted.length - 1}\0`;
  });
  const restored = (cell) => cell.trim().replace(/\0(\d+)\0/g, (_, index) => quoted[index]);
  return bare.split(separator).map(restored);
}

/** Return the finite decimal number in `cell`, or what is there in place of one. */
function toNumber(cell, separator) {
  // If commas are not separators, they may be decimal commas, as in 2,5.
  const text = separator === "," ? cell : cell.replace(",", ".");
  if (NUMBER.test(text)) return Number.isFinite(Number(text)) ? Number(text) : NO_NUMBER;
  return MISSING.test(text) ? NO_VALUE : NO_NUMBER;
}

function wrongCell(place, cell, column) {
  const { line } = place;
  if (!cell) return new InputError("emptyCell", { line, column: column + 1 }, place);
  return new InputError("notNumber", { line, cell }, place);
}

/** Return the array, or a copy that has room for `length` values. */
function grown(array, length) {
  if (length <= array.length) return array;
  const copy = new Float64Array(2 * length);
  copy.set(array);
  return copy;
}
