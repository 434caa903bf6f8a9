/** Parses points from pasted text: JSON, or lines of numbers. */

/** An error in the input: the key of a text of the page, its values, and its place. */
export class InputError extends Error {
  constructor(key, values = {}, place = null) {
    super(key);
    this.key = key;
    this.values = values;
    this.place = place;
  }
}

/**
 * Parse `text`; throw InputError.
 *
 * Returns these properties:
 *
 * - `body`: the body of the request. JSON is not changed, since the service validates it.
 * - `points`: the points, or null if they cannot be drawn.
 * - `header`: the names in the first line, if it has no numbers.
 * - `placeOf`: a function from the pointer of a problem document to its place in the text,
 *   `{ line, start, end }`, where start and end are offsets.
 */
export function readPoints(text) {
  if (!text.trim()) throw new InputError("empty");
  return /^\s*[[{]/.test(text) ? readJson(text) : readLines(text);
}

function readJson(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError("notJson", { message: error.message });
  }
  const isBare = Array.isArray(value);
  const points = isBare ? value : value.points;
  return {
    body: isBare ? `{"points": ${text}}` : text,
    points: areDrawable(points) ? points : null,
    header: null,
    placeOf: (pointer) => placeInJson(text, [...(isBare ? [] : ["points"]), ...indices(pointer)]),
  };
}

function areDrawable(points) {
  return (
    Array.isArray(points) &&
    points.length > 0 &&
    points.every(
      (point) =>
        Array.isArray(point) &&
        point.length > 0 &&
        point.length === points[0].length &&
        point.every((number) => Number.isFinite(number)),
    )
  );
}

function readLines(text) {
  const separator = [";", "\t", ","].find((character) => text.includes(character)) ?? /\s+/;
  const points = [];
  const places = [];
  let header = null;
  let start = 0;
  text.split("\n").forEach((content, index) => {
    const place = { line: index + 1, start, end: start + content.length };
    start = place.end + 1;
    if (!content.trim()) return;
    const cells = content
      .trim()
      .split(separator)
      .map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
    // If commas are not separators, they may be decimal commas, as in 2,5.
    const numbers = cells.map((cell) =>
      toNumber(separator === "," ? cell : cell.replace(",", ".")),
    );
    if (!points.length && !header && numbers.every(Number.isNaN)) {
      header = cells;
      return;
    }
    const wrong = numbers.findIndex(Number.isNaN);
    const { line } = place;
    if (wrong >= 0 && !cells[wrong])
      throw new InputError("emptyCell", { line, column: wrong + 1 }, place);
    if (wrong >= 0) throw new InputError("notNumber", { line, cell: cells[wrong] }, place);
    const expected = points[0]?.length ?? numbers.length;
    if (numbers.length !== expected) {
      throw new InputError("ragged", { line, found: numbers.length, expected }, place);
    }
    points.push(numbers);
    places.push(place);
  });
  if (!points.length) throw new InputError("empty");
  return {
    body: JSON.stringify({ points }),
    points,
    header: header?.length === points[0].length ? header : null,
    placeOf: (pointer) => places[indices(pointer)[0]],
  };
}

/** Return the finite decimal number in `cell`, or NaN. */
function toNumber(cell) {
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(cell) ? Number(cell) : NaN;
  return Number.isFinite(number) ? number : NaN;
}

function indices(pointer) {
  return [...pointer.matchAll(/\[(\d+)\]/g)].map((match) => Number(match[1]));
}

/** Return the place of the value at `path` (keys and indices from the root) in valid JSON. */
function placeInJson(text, path) {
  const here = []; // the path of the current token
  let start = -1;
  let previous = "";
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g)) {
    const isInObject = here.length > 0 && typeof here.at(-1) !== "number";
    const opens = token === "[" || token === "{";
    const closes = token === "]" || token === "}";
    if (closes) here.pop();
    else if (token === "," && !isInObject) here[here.length - 1] += 1;
    else if (token !== "," && token !== ":") {
      if (isInObject && previous !== ":") here[here.length - 1] = JSON.parse(token);
      else {
        if (isSame(here, path)) start = index;
        if (opens) here.push(token === "[" ? 0 : null);
      }
    }
    if (start >= 0 && isSame(here, path)) {
      return { line: text.slice(0, start).split("\n").length, start, end: index + token.length };
    }
    previous = token;
  }
  return null;
}

function isSame(here, path) {
  return here.length === path.length && here.every((key, depth) => key === path[depth]);
}
