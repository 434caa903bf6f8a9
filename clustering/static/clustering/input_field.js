/** The text field of the input: it shows a text, or a part of a large file. */

import { byId, text } from "./page.js";

const field = byId("points");
let fileName = "";

/** Show a text that can be edited. */
export function showText(content) {
  field.value = content;
  field.readOnly = false;
  byId("file-part").hidden = true;
}

/** Show the beginning of a large file, which cannot be edited here. */
export function showFilePart(content, name) {
  fileName = name;
  showPart(content, text("fileBeginning", { name }));
}

function showPart(content, note) {
  field.value = content;
  field.readOnly = true;
  byId("file-part").hidden = false;
  byId("file-part-text").textContent = note;
}

/** Scroll to a place, as points_worker.js describes it, and select it. */
export function jumpTo(place) {
  const { start, end, line, shown } = place ?? { start: 0, end: 0 };
  if (shown !== undefined) showPart(shown, text("filePart", { name: fileName, line }));
  field.focus();
  field.setSelectionRange(start, end);
  // Browsers do not scroll to a selection; a copy of the text before it is as high as its place.
  const copy = field.cloneNode();
  copy.removeAttribute("id");
  copy.value = field.value.slice(0, start);
  Object.assign(copy.style, { position: "absolute", visibility: "hidden", height: "0" });
  copy.style.width = `${field.offsetWidth}px`;
  field.after(copy);
  field.scrollTop = copy.scrollHeight - field.clientHeight / 2;
  copy.remove();
  field.scrollIntoView({ block: "nearest" });
}
