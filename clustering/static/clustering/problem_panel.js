/** Shows a problem document, and its place in the input. */

import { jumpTo } from "./input_field.js";
import { byId, text } from "./page.js";
import { call } from "./reader.js";

/**
 * Show a problem of the request with this AbortSignal, unless that is aborted.
 *
 * `retryAfter` is the header of that name, or null.
 */
export async function showProblem(
  { status = "", title, detail, type = "", pointer = "" },
  signal,
  retryAfter = null,
) {
  const path = [...pointer.matchAll(/\[(\d+)\]/g)].map((match) => Number(match[1]));
  const isInPoints = pointer.startsWith("points[");
  const place = isInPoints ? await call("place", path).catch(() => null) : null;
  if (signal.aborted) return;
  byId("problem-title").textContent = `${status} ${title}`.trim();
  byId("problem-detail").textContent = pointer ? `${pointer}: ${detail}` : detail;
  byId("problem-type").textContent = type;
  byId("problem-place").hidden = !place;
  if (place) {
    byId("problem-place").firstElementChild.textContent = text("place", {
      pointer,
      line: place.line,
    });
    const { found } = place;
    byId("problem-line").textContent = found.length > 60 ? `${found.slice(0, 59)}…` : found;
    byId("problem-line").onclick = () => jumpTo(place);
  }
  byId("problem-retry").hidden = !retryAfter;
  byId("problem-retry").textContent = retryAfter ? text("retry", { seconds: retryAfter }) : "";
  byId("problem").hidden = false;
}

export function hideProblem() {
  byId("problem").hidden = true;
}
