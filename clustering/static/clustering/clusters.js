/**
 * Draws clustered points as inline SVG.
 *
 * The words are attributes of the container, which templates/clustering/clusters.html makes; the
 * colours are in clusters.css.
 */

const HEIGHT = 380;
const HEIGHT_OF_A_LINE = 110;
const COLORS = 8; // of clusters.css; the clusters beyond get a hue each
const LISTED = 12;
const GOLDEN_ANGLE = 137.508; // multiples of it fall evenly on the circle of hues, however many

/**
 * Draw `points` (arrays of equal length) into `container`, coloured by `labels`.
 *
 * `labels` has the cluster of each point, or is null for points that are not clustered yet.
 */
export function drawClusters(container, points, labels = null) {
  const words = container.dataset;
  const plane = project(points, words);
  const groups = group(plane, labels);
  const name = labels ? words.labeled : words.unlabeled;
  const svg = draw(plane, groups, Math.max(280, container.clientWidth || 640));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", fill(name, { points: points.length, clusters: groups.length }));
  container.replaceChildren(svg, ...(labels ? [legend(groups, words)] : []));
  if (labels) container.append(element("p", "clusters-note", words.centres));
  if (plane.note) container.append(element("p", "clusters-note", plane.note));
}

/**
 * The first `count` principal components of `points`, by power iteration.
 *
 * Returns the coordinates of each point along each component (`scores[component][point]`) and the
 * share of the variance that each component holds. Signs are those of scikit-learn's PCA: the
 * largest weight of a component is positive.
 */
export function principalComponents(points, count = 2) {
  const rows = points.length;
  const columns = points[0].length;
  const matrix = Float64Array.from(points.flat());
  for (let column = 0; column < columns; column++) {
    let mean = 0;
    for (let row = 0; row < rows; row++) mean += matrix[row * columns + column] / rows;
    for (let row = 0; row < rows; row++) matrix[row * columns + column] -= mean;
  }
  // In units of the largest number, since squares of large ones overflow.
  const unit = matrix.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  matrix.forEach((value, index) => {
    matrix[index] = value / unit;
  });

  const covariance = Array.from({ length: columns }, () => new Float64Array(columns));
  for (let at = 0; at < matrix.length; at += columns) {
    for (let one = 0; one < columns; one++) {
      for (let other = 0; other <= one; other++) {
        covariance[one][other] += matrix[at + one] * matrix[at + other];
      }
    }
  }
  let total = 0;
  for (let one = 0; one < columns; one++) {
    total += covariance[one][one];
    for (let other = 0; other < one; other++) covariance[other][one] = covariance[one][other];
  }

  const scores = [];
  const shares = [];
  for (let component = 0; component < count; component++) {
    // Any direction does to start with that is not at right angles to the component.
    let weights = normalized(
      Float64Array.from({ length: columns }, (_, column) => Math.sin(column + 1)),
    );
    for (let step = 0, moved = 1; step < 300 && moved > 1e-12; step++) {
      const next = normalized(weights.map((_, column) => dot(covariance[column], weights)));
      moved = sumOfSquares(next.map((weight, column) => weight - weights[column]));
      weights = next;
    }
    const largest = weights.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
    if (largest < 0) weights = weights.map((weight) => -weight);
    const variance = dot(
      weights,
      weights.map((_, column) => dot(covariance[column], weights)),
    );
    covariance.forEach((row, one) => {
      // what is left for the next component
      row.forEach((_, other) => {
        row[other] -= variance * weights[one] * weights[other];
      });
    });
    shares.push(variance / (total || 1));
    scores.push(
      Float64Array.from({ length: rows }, (_, row) => {
        let score = 0;
        for (let column = 0; column < columns; column++)
          score += matrix[row * columns + column] * weights[column];
        return score * unit;
      }),
    );
  }
  return { scores, shares };
}

function dot(one, other) {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += one[index] * other[index];
  return sum;
}

function sumOfSquares(vector) {
  return dot(vector, vector);
}

function normalized(vector) {
  const length = Math.sqrt(sumOfSquares(vector));
  return length ? vector.map((value) => value / length) : vector;
}

/** What to draw of the points: x and y, which is null for one dimension, and what they are. */
function project(points, words) {
  const dimensions = points[0].length;
  if (dimensions > 2) {
    const { scores, shares } = principalComponents(points);
    const percent = Math.round(100 * (shares[0] + shares[1]));
    const [xName, yName] = [1, 2].map((number) => fill(words.component, { number }));
    const note = fill(words.projected, { dimensions, percent });
    return { x: scores[0], y: scores[1], xName, yName, note };
  }
  const [xName, yName] = [1, 2].map((number) => fill(words.coordinate, { number }));
  const [x, y] = [0, 1].map((index) => points.map((point) => point[index]));
  return { x, y: dimensions === 2 ? y : null, xName, yName };
}

/** The points of each label: `{ label, members }`, in the order of the labels. */
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
  const height = plane.y ? HEIGHT : HEIGHT_OF_A_LINE;
  const yTicks = plane.y ? ticks(plane.y) : { marks: [], at: () => 0.5 };
  const left = plane.y ? 34 + 7 * Math.max(...yTicks.marks.map((mark) => mark.text.length)) : 16;
  const box = { left, right: width - 16, top: 12, bottom: height - 48 };
  const xTicks = ticks(plane.x);
  const xAt = (value) => round(box.left + (box.right - box.left) * xTicks.at(value));
  const yAt = (value) => round(box.bottom - (box.bottom - box.top) * yTicks.at(value));

  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}` });
  const grid = shape("g", { class: "clusters-grid" });
  const text = (x, y, content, anchor, more = {}) => {
    const made = shape("text", { x, y, "text-anchor": anchor, ...more });
    made.textContent = content;
    return made;
  };
  let free = -Infinity; // labels that would touch the one before are left out
  for (const { value, text: content } of xTicks.marks) {
    const x = xAt(value);
    grid.append(shape("path", { d: `M${x} ${box.top}V${box.bottom}` }));
    const half = 4 * content.length;
    if (x - half < free || x + half > width) continue;
    grid.append(text(x, box.bottom + 18, content, "middle"));
    free = x + half + 6;
  }
  for (const { value, text: content } of yTicks.marks) {
    grid.append(shape("path", { d: `M${box.left} ${yAt(value)}H${box.right}` }));
    grid.append(text(box.left - 8, yAt(value) + 4, content, "end"));
  }
  grid.append(text((box.left + box.right) / 2, height - 8, plane.xName, "middle"));
  if (plane.y) {
    const middle = (box.top + box.bottom) / 2;
    grid.append(text(12, middle, plane.yName, "middle", { transform: `rotate(-90 12 ${middle})` }));
  } else {
    grid.append(shape("path", { d: `M${box.left} ${yAt(0)}H${box.right}` }));
  }
  svg.append(grid);

  // A dot is a line without length, with round or square ends: one path for a cluster is quick.
  const count = plane.x.length;
  const size = count < 50 ? 12 : count < 300 ? 9 : count < 3000 ? 6 : 4;
  let crosses = "";
  for (const { label, members } of groups) {
    const places = members.map((index) => [xAt(plane.x[index]), yAt(plane.y ? plane.y[index] : 0)]);
    const dots = colored("path", label);
    dots.setAttribute("d", places.map(([x, y]) => `M${x} ${y}h0`).join(""));
    dots.setAttribute("stroke-width", size);
    svg.append(dots);
    if (members.length === 1) continue; // a cross would hide the one point
    const [x, y] = [0, 1].map((axis) =>
      places.reduce((sum, place) => sum + place[axis] / places.length, 0),
    );
    crosses += `M${round(x - 5)} ${round(y - 5)}l10 10m0 -10l-10 10`;
  }
  if (groups[0].label !== null) {
    svg.append(shape("path", { d: crosses, class: "clusters-halo" }));
    svg.append(shape("path", { d: crosses, class: "clusters-centre" }));
  }
  return svg;
}

/** Round values along an axis, and `at`, which gives the place of a value on it, 0 to 1. */
function ticks(values) {
  // A quarter of each, because the whole distance between the largest numbers overflows.
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value / 4);
    high = Math.max(high, value / 4);
  }
  const margin = (high - low) * 0.04 || Math.abs(low) * 0.1 || 0.25;
  low -= margin;
  high += margin;
  const rough = (high - low) / 1.5; // for about six marks
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

function legend(groups, words) {
  const list = element("ul", "clusters-legend");
  list.setAttribute("aria-label", words.sizes);
  const bySize = [...groups].sort((a, b) => b.members.length - a.members.length);
  const listed = bySize.slice(0, LISTED).sort((a, b) => a.label - b.label);
  for (const { label, members } of listed) {
    const swatch = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
    const dot = colored("path", label);
    dot.setAttribute("d", "M6 6h0");
    dot.setAttribute("stroke-width", 10);
    swatch.append(dot);
    const item = element("li", "", ` ${fill(words.cluster, { label })} `);
    item.prepend(swatch);
    item.append(element("strong", "", members.length));
    list.append(item);
  }
  if (groups.length > LISTED) {
    list.append(element("li", "", fill(words.more, { count: groups.length - LISTED })));
  }
  return list;
}

function colored(tag, label) {
  if (label === null) return shape(tag, { class: "clusters-dots" });
  const color = label < COLORS ? label : "more";
  const made = shape(tag, {
    class: `clusters-dots clusters-${color} clusters-${label % 2 ? "square" : "round"}`,
  });
  if (color === "more")
    made.style.setProperty("--clusters-hue", round((label * GOLDEN_ANGLE) % 360));
  return made;
}

function shape(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(text);
  return made;
}

function fill(text, values) {
  return text.replace(/{(\w+)}/g, (_, name) => values[name]);
}

function round(value) {
  return Math.round(value * 10) / 10;
}
