/**
 * Draws clustered points as inline SVG.
 *
 * templates/clustering/clusters.html has the container, with the translated texts as its
 * attributes; clusters.css has the colours.
 */

import { principalComponents } from "./principal_components.js";

const HEIGHT = 380;
const HEIGHT_OF_ONE_DIMENSION = 110;
const COLORS = 8; // in clusters.css; each further cluster gets a hue
const MAX_LEGEND_ENTRIES = 12;
const GOLDEN_ANGLE = 137.508; // its multiples spread evenly over the circle of hues

/**
 * Draw `points` (arrays of equal length) into `container`, coloured by `labels`.
 *
 * `labels` has the cluster of each point, or is null if the points are not clustered yet.
 */
export function drawClusters(container, points, labels = null) {
  const texts = container.dataset;
  const plane = project(points, texts);
  const groups = group(plane, labels);
  const name = labels ? texts.labeled : texts.unlabeled;
  const svg = draw(plane, groups, Math.max(280, container.clientWidth || 640));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", fill(name, { points: points.length, clusters: groups.length }));
  container.replaceChildren(svg, ...(labels ? [legend(groups, texts)] : []));
  if (labels) container.append(htmlElement("p", "clusters-note", texts.centres));
  if (plane.note) container.append(htmlElement("p", "clusters-note", plane.note));
}

/** Return what to draw: x, y (null for one dimension), the axis names, and a note. */
function project(points, texts) {
  const dimensions = points[0].length;
  if (dimensions > 2) {
    const { scores, shares } = principalComponents(points);
    const percent = Math.round(100 * (shares[0] + shares[1]));
    const [xName, yName] = [1, 2].map((number) => fill(texts.component, { number }));
    const note = fill(texts.projected, { dimensions, percent });
    return { x: scores[0], y: scores[1], xName, yName, note };
  }
  const [xName, yName] = [1, 2].map((number) => fill(texts.coordinate, { number }));
  const [x, y] = [0, 1].map((index) => points.map((point) => point[index]));
  return { x, y: dimensions === 2 ? y : null, xName, yName };
}

/** Return the indices of the points with each label, `{ label, members }`, sorted by label. */
function group(plane, labels) {
  const byLabel = new Map();
  for (let index = 0; index < plane.x.length; index++) {
    const label = labels ? labels[index] : null;
    if (!byLabel.has(label)) byLabel.set(label, { label, members: [] });
    byLabel.get(label).members.push(index);
  }
  return [...byLabel.values()].sort((a, b) => a.label - b.label);
}

function draw(plane, groups, width) {
  const height = plane.y ? HEIGHT : HEIGHT_OF_ONE_DIMENSION;
  const yTicks = plane.y ? ticks(plane.y) : { marks: [], at: () => 0.5 };
  const left = plane.y ? 34 + 7 * Math.max(...yTicks.marks.map((mark) => mark.text.length)) : 16;
  const box = { left, right: width - 16, top: 12, bottom: height - 48 };
  const xTicks = ticks(plane.x);
  const xAt = (value) => round(box.left + (box.right - box.left) * xTicks.at(value));
  const yAt = (value) => round(box.bottom - (box.bottom - box.top) * yTicks.at(value));

  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}` });
  const grid = svgElement("g", { class: "clusters-grid" });
  const text = (x, y, content, anchor, more = {}) => {
    const created = svgElement("text", { x, y, "text-anchor": anchor, ...more });
    created.textContent = content;
    return created;
  };
  let free = -Infinity; // the first x at which a label does not touch the previous one
  for (const { value, text: content } of xTicks.marks) {
    const x = xAt(value);
    grid.append(svgElement("path", { d: `M${x} ${box.top}V${box.bottom}` }));
    const half = 4 * content.length;
    if (x - half < free || x + half > width) continue;
    grid.append(text(x, box.bottom + 18, content, "middle"));
    free = x + half + 6;
  }
  for (const { value, text: content } of yTicks.marks) {
    grid.append(svgElement("path", { d: `M${box.left} ${yAt(value)}H${box.right}` }));
    grid.append(text(box.left - 8, yAt(value) + 4, content, "end"));
  }
  grid.append(text((box.left + box.right) / 2, height - 8, plane.xName, "middle"));
  if (plane.y) {
    const middle = (box.top + box.bottom) / 2;
    grid.append(text(12, middle, plane.yName, "middle", { transform: `rotate(-90 12 ${middle})` }));
  } else {
    grid.append(svgElement("path", { d: `M${box.left} ${yAt(0)}H${box.right}` }));
  }
  svg.append(grid);

  // A dot is a line of length 0 with round or square ends. One path per cluster is fast.
  const count = plane.x.length;
  const size = count < 50 ? 12 : count < 300 ? 9 : count < 3000 ? 6 : 4;
  let crosses = "";
  for (const { label, members } of groups) {
    const places = members.map((index) => [xAt(plane.x[index]), yAt(plane.y ? plane.y[index] : 0)]);
    const dots = colored("path", label);
    dots.setAttribute("d", places.map(([x, y]) => `M${x} ${y}h0`).join(""));
    dots.setAttribute("stroke-width", size);
    svg.append(dots);
    if (members.length === 1) continue; // a cross would hide the only point
    const [x, y] = [0, 1].map((axis) =>
      places.reduce((sum, place) => sum + place[axis] / places.length, 0),
    );
    crosses += `M${round(x - 5)} ${round(y - 5)}l10 10m0 -10l-10 10`;
  }
  if (groups[0].label !== null) {
    svg.append(svgElement("path", { d: crosses, class: "clusters-halo" }));
    svg.append(svgElement("path", { d: crosses, class: "clusters-centre" }));
  }
  return svg;
}

/** Return round values along an axis, and `at`, which maps a value to its place, 0 to 1. */
function ticks(values) {
  // Divided by 4, because the distance between the largest numbers overflows.
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value / 4);
    high = Math.max(high, value / 4);
  }
  const margin = (high - low) * 0.04 || Math.abs(low) * 0.1 || 0.25;
  low -= margin;
  high += margin;
  const rough = (high - low) / 1.5; // about six marks
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10]
    .map((factor) => factor * power)
    .find((candidate) => candidate >= rough);
  const first = Math.ceil(low / (step / 4));
  const marks = [];
  for (let index = 0; index < 8; index++) {
    const value = Number(((first + index) * step).toPrecision(12));
    if (value / 4 > high || !Number.isFinite(value)) continue;
    const isLong = Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-4);
    marks.push({ value, text: isLong ? value.toExponential() : String(value) });
  }
  return { marks, at: (value) => (value / 4 - low) / (high - low) };
}

function legend(groups, texts) {
  const list = htmlElement("ul", "clusters-legend");
  list.setAttribute("aria-label", texts.sizes);
  const bySize = [...groups].sort((a, b) => b.members.length - a.members.length);
  const listed = bySize.slice(0, MAX_LEGEND_ENTRIES).sort((a, b) => a.label - b.label);
  for (const { label, members } of listed) {
    const swatch = svgElement("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
    const dot = colored("path", label);
    dot.setAttribute("d", "M6 6h0");
    dot.setAttribute("stroke-width", 10);
    swatch.append(dot);
    const item = htmlElement("li", "", ` ${fill(texts.cluster, { label })} `);
    item.prepend(swatch);
    item.append(htmlElement("strong", "", members.length));
    list.append(item);
  }
  if (groups.length > MAX_LEGEND_ENTRIES) {
    list.append(htmlElement("li", "", fill(texts.more, { count: groups.length - MAX_LEGEND_ENTRIES })));
  }
  return list;
}

function colored(tag, label) {
  if (label === null) return svgElement(tag, { class: "clusters-dots" });
  const color = label < COLORS ? label : "more";
  const created = svgElement(tag, {
    class: `clusters-dots clusters-${color} clusters-${label % 2 ? "square" : "round"}`,
  });
  if (color === "more")
    created.style.setProperty("--clusters-hue", round((label * GOLDEN_ANGLE) % 360));
  return created;
}

function svgElement(tag, attributes) {
  const created = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  return created;
}

function htmlElement(tag, className, text = "") {
  const created = document.createElement(tag);
  if (className) created.className = className;
  created.append(text);
  return created;
}

function fill(text, values) {
  return text.replace(/{(\w+)}/g, (_, name) => values[name]);
}

function round(value) {
  return Math.round(value * 10) / 10;
}
