/** The table of the clusters, and their centres to copy. */

import { swatch } from "./clusters.js";
import { toCsv } from "./csv.js";
import { fill, htmlElement, shortNumber } from "./elements.js";
import { byId, copy, text } from "./page.js";

const MAX_ROWS = 200;
const MAX_COLUMNS = 50;

const container = byId("cluster-table");
let centers = [];
let sizes = [];
let names = null;

/**
 * Show the size and the centre of each cluster.
 *
 * `partition` is the endpoint's answer with details, and `header` has the name of each coordinate,
 * or is null.
 */
export function showClusters(partition, header) {
  ({ centers, sizes } = partition);
  names = header;
  const texts = container.dataset;
  const dimensions = centers.find((center) => center !== null).length;
  const columns = Array.from({ length: Math.min(dimensions, MAX_COLUMNS) }, (_, index) => index);
  const coordinate = (index) => names?.[index] || fill(texts.coordinate, { number: index + 1 });
  const head = htmlElement("tr", "");
  for (const name of [texts.label, texts.size, ...columns.map(coordinate)]) {
    const cell = htmlElement("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = htmlElement("tbody", "");
  sizes.slice(0, MAX_ROWS).forEach((size, label) => {
    const first = htmlElement("th", "", swatch(label), ` ${label}`);
    first.scope = "row";
    const row = htmlElement("tr", "", first, htmlElement("td", "", size));
    for (const column of columns) {
      row.append(htmlElement("td", "", shortNumber(centers[label]?.[column] ?? null)));
    }
    body.append(row);
  });
  container.replaceChildren(htmlElement("table", "", htmlElement("thead", "", head), body));
  const isCut = sizes.length > MAX_ROWS || dimensions > MAX_COLUMNS;
  byId("clusters-cut").hidden = !isCut;
  byId("centres-copied").textContent = "";
  byId("clusters").hidden = false;
}

function centresAsCsv() {
  const dimensions = centers.find((center) => center !== null).length;
  const header = Array.from({ length: dimensions }, (_, index) => names?.[index] || `x${index + 1}`);
  const rows = centers.map((center, label) => {
    const cells = center ?? header.map(() => "");
    return [label, sizes[label], ...cells];
  });
  return toCsv([["cluster", "size", ...header], ...rows]);
}

async function copyCentres(content) {
  await copy(content);
  byId("centres-copied").textContent = text("copied");
}

byId("copy-json").addEventListener("click", () => copyCentres(JSON.stringify(centers)));
byId("copy-csv").addEventListener("click", () => copyCentres(centresAsCsv()));
