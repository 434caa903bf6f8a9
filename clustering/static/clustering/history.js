/** Draws a recorded request, and beside it the same points clustered once more. */

import { drawClusters } from "./clusters.js";

function read(id) {
  const data = document.getElementById(id);
  return data && JSON.parse(data.textContent);
}

const points = read("history-points-data");
for (const name of ["history-original", "history-replayed"]) {
  const container = document.getElementById(name);
  if (container) drawClusters(container, points, read(`${name}-labels`));
}
