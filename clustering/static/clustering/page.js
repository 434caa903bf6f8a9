/** The elements and the translated texts of the playground. */

import { fill } from "./elements.js";

export const byId = (id) => document.getElementById(id);

export const data = byId("playground").dataset;

/** Return the text with this key, with its placeholders filled in. */
export function text(key, values = {}) {
  return fill(data[key], values);
}

/** Let the browser save a Blob as a file. */
export function download(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Copy a text to the clipboard. */
export async function copy(content) {
  if (navigator.clipboard) return navigator.clipboard.writeText(content);
  // Over plain HTTP, browsers have a clipboard for localhost only.
  const focused = document.activeElement;
  const field = document.body.appendChild(document.createElement("textarea"));
  field.value = content;
  field.select();
  document.execCommand("copy");
  field.remove();
  focused.focus();
}
