/** Shows what the service answered: labels and headers, with the clusters as a drawing and a table. */

import { showClusters } from "./cluster_table.js";
import { drawClusters } from "./clusters.js";
import { byId, download, text } from "./page.js";
import { call } from "./reader.js";

const MAX_SHOWN_LABELS = 2000;

let labels = [];

/** Draw points that are read, without labels. */
export function showPoints({ drawn, names, count }) {
  const drawing = byId("drawing");
  drawing.hidden = !drawn;
  if (drawn) drawClusters(drawing, drawn, null, { names, total: count });
  else drawing.replaceChildren();
}

/** Show an answer with details of the points that are read, and a sentence about it. */
export function showPartition(read, partition, summary) {
  const { drawn, indices, names, count } = read;
  const { results, sizes } = partition;
  labels = results;
  const shown = indices ? indices.map((index) => labels[index]) : labels;
  drawClusters(byId("drawing"), drawn, shown, { names, total: count, sizes });
  showClusters(partition, names);
  byId("summary").textContent = summary;
  const more = labels.length - MAX_SHOWN_LABELS;
  byId("labels").textContent =
    labels.slice(0, MAX_SHOWN_LABELS).join(" ") +
    (more > 0 ? ` ${text("shortened", { count: more })}` : "");
  byId("labels-block").hidden = false;
}

/** Show the headers of an answer or of a problem. */
export function showHeaders(headers) {
  for (const cell of document.querySelectorAll("[data-header]")) {
    cell.textContent = headers.get(cell.dataset.header) ?? "";
    cell.parentElement.hidden = !cell.textContent;
  }
  byId("answer").hidden = false;
}

/** Hide the last answer; the drawing stays as it is. */
export function hideAnswer() {
  for (const id of ["answer", "labels-block", "clusters", "stale", "publish"]) byId(id).hidden = true;
  byId("summary").textContent = "";
}

byId("download").addEventListener("click", async () => {
  const file = await call("csv", labels).catch(() => null); // null if there is a newer input
  if (file) download("clusters.csv", file);
});
