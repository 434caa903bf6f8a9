/** The elements and the translated texts of the playground. */

export const byId = (id) => document.getElementById(id);

export const data = byId("playground").dataset;

/** Return the text with this key, with its placeholders filled in. */
export function text(key, values = {}) {
  return data[key].replace(/{(\w+)}/g, (_, name) => values[name]);
}

/** Let the browser download `content` as a file. */
export function download(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
