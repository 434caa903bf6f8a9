/** Draws a recorded request, beside it the same points clustered again, and which k fits. */

import { drawClusters } from "./clusters.js";
import { clearCurves, drawCurves } from "./curves.js";

function readData(id) {
  const data = document.getElementById(id);
  return data && JSON.parse(data.textContent);
}

const points = readData("history-points-data");
for (const name of ["history-original", "history-replayed"]) {
  const container = document.getElementById(name);
  if (container) drawClusters(container, points, readData(`${name}-labels`));
}

const compare = document.getElementById("history-compare"); // null without points
compare?.addEventListener("click", async () => {
  if (compare.ariaBusy === "true") return;
  const container = document.getElementById("history-curves");
  clearCurves(container);
  compare.ariaBusy = "true";
  try {
    const headers = { "Accept-Language": document.documentElement.lang }; // for problems
    const response = await fetch(compare.dataset.comparison, { headers });
    const content = await response.json();
    if (response.ok) drawCurves(container, content, clusterAgain);
    else clearCurves(container, content.detail);
  } catch (error) {
    clearCurves(container, `${compare.dataset.failed}: ${error.message}`);
  } finally {
    compare.ariaBusy = "false";
  }
});

/** Submit the form of the page with this k. */
function clusterAgain(k) {
  const field = document.getElementById("id_clusters");
  field.value = k;
  field.form.requestSubmit();
}
