/** Draws a recorded request, and beside it the same points clustered again. */

import { drawClusters } from "./clusters.js";

function readData(id) {
  const data = document.getElementById(id);
  return data && JSON.parse(data.textContent);
}

const points = readData("history-points-data");
for (const name of ["history-original", "history-replayed"]) {
  const container = document.getElementById(name);
  if (container) drawClusters(container, points, readData(`${name}-labels`));
}
