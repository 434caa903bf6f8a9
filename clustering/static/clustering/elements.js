/** Makes the elements of drawings and tables, and their texts. */

export function svgElement(tag, attributes) {
  const created = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  return created;
}

export function htmlElement(tag, className, ...content) {
  const created = document.createElement(tag);
  if (className) created.className = className;
  created.append(...content);
  return created;
}

/** Return a translated text with its placeholders filled in. */
export function fill(text, values) {
  return text.replace(/{(\w+)}/g, (_, name) => values[name]);
}

/** Return a number with few digits, for people; a dash for null. */
export function shortNumber(value) {
  return value === null ? "—" : String(Number(value.toPrecision(5)));
}
