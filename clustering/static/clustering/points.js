/** Reads points from text: JSON, or a table of numbers. */

import { InputError } from "./input_error.js";
import { readTable, selectPoints } from "./table.js";

const READING = 0.6; // the share of reading in the time of reading and selecting

/**
 * Return a function that selects the points in `text`; throw InputError.
 *
 * It takes `{ leftOut, skipMissing }` and returns an object with these properties:
 *
 * - `error`: the first InputError in the selected columns, or null.
 * - `columns`: what the columns of a table have, as `readTable` returns them; null for JSON.
 * - `body`: the parts of the request's body. JSON is not changed, since the service validates it.
 * - `count`, `dimensions`, `pointAt`: the points; `count` is null if they cannot be drawn.
 * - `names`: the name of each coordinate, or null.
 * - `placeOf`: a function from the indices in the pointer of a problem document to their place in
 *   the text, `{ line, start, end }`, where start and end are offsets.
 * - `cellsAt`, `allNames`: the points with the columns that are left out, and the names of all.
 */
export function readPoints(text, report) {
  if (!text.trim()) throw new InputError("empty");
  if (/^\s*[[{]/.test(text)) {
    const points = readJson(text);
    return () => points;
  }
  const table = readTable(text, (part) => report(part * READING));
  return (selection) => ({
    columns: table.columns.map((column, index) => ({
      ...column,
      name: table.names?.[index],
      isEmpty: column.missing === table.rows,
    })),
    ...selectPoints(table, selection, (part) => report(READING + part * (1 - READING))),
  });
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
  const isDrawable = areDrawable(points);
  const dimensions = isDrawable ? points[0].length : null;
  return {
    error: null,
    columns: null,
    body: isBare ? ['{"points": ', text, "}"] : [text.trim()],
    count: isDrawable ? points.length : null,
    dimensions,
    names: null,
    pointAt: (index) => points[index],
    placeOf: (path) => placeInJson(text, [...(isBare ? [] : ["points"]), ...path]),
    allNames: isDrawable && points[0].map((_, index) => `x${index + 1}`),
    cellsAt: (index) => points[index],
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
