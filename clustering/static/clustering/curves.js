/**
 * Shows which k fits: the curves of inertia and silhouette over k, and the same numbers as a table.
 *
 * templates/clustering/curves.html has the container, with the translated texts as its attributes;
 * curves.css has the colours.
 */

import { fill, htmlElement, shortNumber, svgElement } from "./elements.js";
import { ticks } from "./ticks.js";

const HEIGHT = 190;
const MIN_WIDTH = 260;

/**
 * Draw a comparison, as the endpoint `advice` answers, into `container`.
 *
 * `choose` is called with a k that the reader wants to try.
 */
export function drawCurves(container, advice, choose) {
  const texts = container.dataset;
  const { candidates, suggested, sample } = advice;
  const [reason, content] = container.children;
  reason.textContent = advice.reason;
  const charts = htmlElement("div", "curves-charts");
  const note = sample === null ? "" : fill(texts.sample, { sample });
  content.replaceChildren(htmlElement("p", "hint", note), charts, table(advice, texts, choose));
  const drawn = [
    ["inertia", texts.elbow],
    ["silhouette", texts.silhouettes],
  ].flatMap(([name, title]) => {
    const known = candidates.filter((candidate) => candidate[name] !== null);
    return known.length ? [{ name, title, known }] : [];
  });
  charts.append(...drawn.map(({ title }) => frame(title)));
  // Drawn when all are there, because each takes its part of the width.
  drawn.forEach(({ name, title, known }, index) => {
    const figure = charts.children[index];
    figure.append(chart(known, name, { title, suggested, width: figure.clientWidth, choose }));
  });
}

function frame(title) {
  return htmlElement("figure", "curves-chart", htmlElement("figcaption", "", title));
}

/** Show a text instead of curves, such as a problem. */
export function clearCurves(container, text = "") {
  container.firstElementChild.textContent = text;
  container.lastElementChild.replaceChildren();
}

function chart(candidates, name, { title, suggested, width, choose }) {
  const full = Math.max(MIN_WIDTH, width);
  const svg = svgElement("svg", {
    viewBox: `0 0 ${full} ${HEIGHT}`,
    role: "img",
    "aria-label": title,
  });
  const y = ticks(candidates.map((candidate) => candidate[name]));
  const left = 18 + 7 * Math.max(...y.marks.map((mark) => mark.text.length));
  const [right, top, bottom] = [full - 14, 10, HEIGHT - 24];
  const first = candidates[0].clusters;
  const span = candidates.at(-1).clusters - first || 1;
  const xAt = (k) => left + ((right - left) * (k - first)) / span;
  const yAt = (value) => bottom - (bottom - top) * y.at(value);
  for (const { value, text } of y.marks) {
    svg.append(svgElement("path", { d: `M${left} ${yAt(value)}H${right}`, class: "curves-grid" }));
    svg.append(label(left - 6, yAt(value) + 4, text, "end"));
  }
  const places = candidates.map((candidate) => [xAt(candidate.clusters), yAt(candidate[name])]);
  const path = `M${places.map((place) => place.join(" ")).join("L")}`;
  svg.append(svgElement("path", { d: path, class: "curves-line" }));
  candidates.forEach(({ clusters, [name]: value }, index) => {
    const [cx, cy] = places[index];
    svg.append(label(cx, HEIGHT - 6, String(clusters), "middle"));
    const isSuggested = clusters === suggested;
    const dot = svgElement("circle", { cx, cy, r: isSuggested ? 6 : 4 });
    const target = svgElement("circle", { cx, cy, r: 14, class: "curves-target" });
    const tip = svgElement("title", {});
    tip.textContent = `k = ${clusters}: ${shortNumber(value)}`;
    target.append(tip);
    target.addEventListener("click", () => choose(clusters));
    dot.setAttribute("class", isSuggested ? "curves-suggested" : "curves-dot");
    svg.append(dot, target);
  });
  return svg;
}

function label(x, y, text, anchor) {
  const created = svgElement("text", { x, y, "text-anchor": anchor });
  created.textContent = text;
  return created;
}

/** Return the numbers as a table; its buttons are for those who cannot point at the curves. */
function table({ candidates, suggested }, texts, choose) {
  const head = htmlElement("tr", "");
  for (const name of ["k", texts.inertia, texts.silhouette, texts.sizes]) {
    const cell = htmlElement("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = htmlElement("tbody", "");
  for (const { clusters, inertia, silhouette, sizes } of candidates) {
    const button = htmlElement("button", "button", String(clusters));
    button.type = "button";
    button.ariaLabel = fill(texts.try, { k: clusters });
    button.addEventListener("click", () => choose(clusters));
    const first = htmlElement("th", "", button);
    first.scope = "row";
    const row = htmlElement("tr", clusters === suggested ? "curves-best" : "", first);
    for (const text of [shortNumber(inertia), shortNumber(silhouette), sizes.join(", ")]) {
      row.append(htmlElement("td", "", text));
    }
    body.append(row);
  }
  const created = htmlElement("table", "", htmlElement("thead", "", head), body);
  const scrolled = htmlElement("div", "curves-table", created);
  scrolled.tabIndex = 0; // so that the keyboard scrolls it
  scrolled.role = "region";
  scrolled.ariaLabel = texts.table;
  return scrolled;
}
