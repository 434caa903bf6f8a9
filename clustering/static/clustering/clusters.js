/**
 * Draws clustered points as inline SVG.
 *
 * templates/clustering/clusters.html has the container, with the translated texts as its
 * attributes; clusters.css has the colours.
 */

import { fill, htmlElement, svgElement } from "./elements.js";
import { principalComponents } from "./principal_components.js";
import { ticks } from "./ticks.js";

const HEIGHT = 380;
const HEIGHT_OF_ONE_DIMENSION = 110;
const COLORS = 8; // in clusters.css; each further cluster gets a hue
const MAX_LEGEND_ENTRIES = 12;
const GOLDEN_ANGLE = 137.508; // its multiples spread evenly over the circle of hues

/**
 * Draw `points` (arrays of equal length) into `container`, coloured by `labels`.
 *
 * `labels` has the cluster of each point, or is null if the points are not clustered yet. `names`
 * has the name of each coordinate, if it has any. If the points are a sample, `total` is the number
 * of all points, and `sizes` has how many of these each cluster has.
 */
export function drawClusters(
  container,
  points,
  labels = null,
  { names = null, total = points.length, sizes = null } = {},
) {
  const texts = container.dataset;
  const plane = project(points, names, texts);
  const groups = group(plane, labels);
  const entries = (sizes ?? groups.map(({ members }) => members.length))
    .map((size, index) => ({ label: sizes ? index : groups[index].label, size }))
    .filter(({ size }) => size > 0);
  const name = labels ? texts.labeled : texts.unlabeled;
  const svg = draw(plane, groups, Math.max(280, container.clientWidth || 640));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", fill(name, { points: total, clusters: entries.length }));
  container.replaceChildren(svg, ...(labels ? [legend(entries, texts)] : []));
  const isSample = points.length < total;
  for (const note of [
    labels && texts.centres,
    plane.note,
    isSample && fill(texts.sampled, { drawn: points.length, total }),
  ]) {
    if (note) container.append(htmlElement("p", "clusters-note", note));
  }
}

/** Return an image of the colour and the shape of a cluster. */
export function swatch(label) {
  const created = svgElement("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
  created.setAttribute("class", "clusters-swatch");
  const dot = colored("path", label);
  dot.setAttribute("d", "M6 6h0");
  dot.setAttribute("stroke-width", 10);
  created.append(dot);
  return created;
}

/** Return what to draw: x, y (null for one dimension), the axis names, and a note. */
function project(points, names, texts) {
  const dimensions = points[0].length;
  if (dimensions > 2) {
    const { scores, shares } = principalComponents(points);
    const percent = Math.round(100 * (shares[0] + shares[1]));
    const [xName, yName] = [1, 2].map((number) => fill(texts.component, { number }));
    const note = fill(texts.projected, { dimensions, percent });
    return { x: scores[0], y: scores[1], xName, yName, note };
  }
  const [xName, yName] = [1, 2].map(
    (number) => names?.[number - 1] || fill(texts.coordinate, { number }),
  );
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

function legend(entries, texts) {
  const list = htmlElement("ul", "clusters-legend");
  list.setAttribute("aria-label", texts.sizes);
  const bySize = [...entries].sort((a, b) => b.size - a.size);
  const listed = bySize.slice(0, MAX_LEGEND_ENTRIES).sort((a, b) => a.label - b.label);
  for (const { label, size } of listed) {
    const text = ` ${fill(texts.cluster, { label })} `;
    list.append(htmlElement("li", "", swatch(label), text, htmlElement("strong", "", size)));
  }
  if (entries.length > MAX_LEGEND_ENTRIES) {
    const count = entries.length - MAX_LEGEND_ENTRIES;
    list.append(htmlElement("li", "", fill(texts.more, { count })));
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

function round(value) {
  return Math.round(value * 10) / 10;
}
