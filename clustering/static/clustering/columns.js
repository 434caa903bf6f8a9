/** The panel in which columns, and rows with missing values, are left out. */

import { htmlElement } from "./elements.js";
import { byId, text } from "./page.js";

const panel = byId("columns");
const list = byId("column-list");
const leaveOut = byId("leave-out");
const skipMissing = byId("skip-missing");

let boxes = []; // a checkbox for each column
let shown = ""; // the names of the columns in the list
let unusable = []; // the indices of columns in use that have other values than numbers, or none
let changed = () => {};

/** Let `listener` be called when the reader selects something else. */
export function onSelection(listener) {
  changed = listener;
}

/** Return what is selected, for points_worker.js. */
export function selection() {
  const indices = boxes.map((_, index) => index);
  const leftOut = indices.filter((index) => !boxes[index].checked);
  return { leftOut, skipMissing: skipMissing.checked };
}

/** Select everything again, and hide the panel. */
export function resetColumns() {
  boxes = [];
  shown = "";
  skipMissing.checked = false;
  panel.hidden = true;
  panel.open = false;
}

/**
 * Show the columns that are read, or nothing for null.
 *
 * Returns whether what was selected in other columns is forgotten, so that everything is selected.
 */
export function showColumns({ columns, incomplete, error }) {
  if (!columns) {
    resetColumns();
    return false;
  }
  const names = columns.map(({ name }, index) => name || text("column", { number: index + 1 }));
  const isNew = JSON.stringify(names) !== shown;
  const isForgotten = isNew && (selection().leftOut.length > 0 || skipMissing.checked);
  if (isNew) build(names);
  columns.forEach(({ missing, other, example }, index) => {
    const hints = [];
    if (other) hints.push(text("columnOther", { example }));
    if (missing) hints.push(text("columnMissing", { count: missing }));
    boxes[index].nextElementSibling.textContent = hints.join(" · ");
  });
  unusable = boxes.flatMap(({ checked }, index) => {
    const { other, isEmpty } = columns[index];
    return checked && (other || isEmpty) ? [index] : [];
  });
  const used = boxes.filter(({ checked }) => checked).length;
  byId("columns-summary").textContent = text("columns", { used, all: boxes.length });
  leaveOut.hidden = !unusable.length || unusable.length === used;
  const left = unusable.map((index) => names[index]).join(", ");
  leaveOut.textContent = text("leaveOut", { names: left });
  byId("skip-missing-row").hidden = !incomplete && !skipMissing.checked;
  byId("skip-missing-text").textContent = text("skipMissing", { count: incomplete });
  panel.hidden = boxes.length < 2 && !incomplete;
  panel.open ||= Boolean(error);
  return isForgotten;
}

function build(names) {
  resetColumns();
  shown = JSON.stringify(names);
  boxes = names.map(() => {
    const box = htmlElement("input", "");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => changed());
    return box;
  });
  const labels = boxes.map((box, index) => {
    const label = htmlElement("label", "", box, ` ${names[index]} `);
    label.append(htmlElement("span", "hint"));
    return label;
  });
  list.replaceChildren(...labels);
}

leaveOut.addEventListener("click", () => {
  for (const index of unusable) boxes[index].checked = false;
  byId("columns-summary").focus(); // the button is gone
  changed();
});
skipMissing.addEventListener("change", () => changed());
