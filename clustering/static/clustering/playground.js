/** The playground: reads points, sends them to the endpoint, and shows the answer. */

import { drawClusters } from "./clusters.js";
import { showCode } from "./code_panel.js";
import { EXAMPLES } from "./examples.js";
import { byId, download, data, text } from "./page.js";
import { InputError, readPoints } from "./points.js";

const MAX_SHOWN_LABELS = 2000;
const CONFIG_POLL_MILLISECONDS = 3000;
const TYPING_PAUSE_MILLISECONDS = 250;

const input = byId("points");
const apiKey = byId("api-key"); // null if the service requires none
let answer = null; // the last labels, with their points, header and config version

/** Parse the input and show its size and its code; on an error, show it and return null. */
function readInput({ selectError = false } = {}) {
  byId("count").textContent = byId("input-error").textContent = "";
  input.removeAttribute("aria-invalid");
  try {
    const parsed = readPoints(input.value);
    const { points } = parsed;
    if (points) {
      byId("count").textContent = text("counted", {
        points: points.length,
        dimensions: points[0].length,
      });
    }
    showCode(parsed);
    return parsed;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    byId("input-error").textContent = text(error.key, error.values);
    input.setAttribute("aria-invalid", "true");
    if (selectError) select(error.place ?? { start: 0, end: 0 });
    return null;
  }
}

function select({ start, end }) {
  input.focus();
  input.setSelectionRange(start, end);
}

function inputChanged() {
  answer = null;
  for (const id of ["answer", "problem", "stale"]) byId(id).hidden = true;
  byId("summary").textContent = "";
  const points = readInput()?.points;
  if (points) drawClusters(byId("drawing"), points);
  else byId("drawing").replaceChildren();
}

async function send() {
  const button = byId("send");
  if (button.ariaBusy === "true") return;
  const parsed = readInput({ selectError: true });
  if (!parsed) return;
  const headers = {
    "Content-Type": "application/json",
    "Accept-Language": document.documentElement.lang, // for the titles of problems
  };
  if (apiKey) headers.Authorization = `Api-Key ${apiKey.value.trim()}`;
  button.ariaBusy = "true"; // a disabled button would lose the focus
  const started = performance.now();
  try {
    const response = await fetch(data.endpoint, {
      method: "POST",
      headers,
      body: parsed.body,
    });
    const content = await response.text();
    showAnswer(parsed, response, content, performance.now() - started);
  } catch (error) {
    const detail = text("unreachable", { message: error.message });
    showProblem({ title: text("noAnswer"), detail });
  } finally {
    button.ariaBusy = "false";
  }
}

function showAnswer(parsed, response, content, milliseconds) {
  for (const cell of document.querySelectorAll("[data-header]")) {
    cell.textContent = response.headers.get(cell.dataset.header) ?? "";
    cell.parentElement.hidden = !cell.textContent;
  }
  byId("answer").hidden = false;
  if (!response.ok) {
    showProblem(parseProblem(response, content), parsed, response.headers.get("Retry-After"));
    return;
  }
  const labels = JSON.parse(content).results;
  const { points, header } = parsed;
  answer = { points, labels, header, version: response.headers.get("X-Config-Version") };
  byId("problem").hidden = byId("stale").hidden = true;
  byId("labels-block").hidden = false;
  drawClusters(byId("drawing"), points, labels);
  byId("summary").textContent = text("answered", {
    points: points.length,
    clusters: new Set(labels).size,
    milliseconds: Math.max(1, Math.round(milliseconds)),
  });
  const more = labels.length - MAX_SHOWN_LABELS;
  byId("labels").textContent =
    labels.slice(0, MAX_SHOWN_LABELS).join(" ") +
    (more > 0 ? ` ${text("shortened", { count: more })}` : "");
}

function parseProblem(response, content) {
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json"))
    return JSON.parse(content);
  const title = `${response.status} ${response.statusText}`;
  return { title, detail: text("noProblemDocument") };
}

/** Show a problem document about the parsed input. */
function showProblem(
  { status = "", title, detail, type = "", pointer },
  parsed = null,
  retryAfter = null,
) {
  answer = null;
  byId("labels-block").hidden = true;
  byId("summary").textContent = "";
  byId("problem-title").textContent = `${status} ${title}`.trim();
  byId("problem-detail").textContent = pointer ? `${pointer}: ${detail}` : detail;
  byId("problem-type").textContent = type;
  const place = pointer?.includes("[") ? parsed?.placeOf(pointer) : null;
  byId("problem-place").hidden = !place;
  if (place) {
    byId("problem-place").firstElementChild.textContent = text("place", {
      pointer,
      line: place.line,
    });
    const excerpt = input.value.slice(place.start, place.end);
    byId("problem-line").textContent = excerpt.length > 60 ? `${excerpt.slice(0, 59)}…` : excerpt;
    byId("problem-line").onclick = () => select(place);
  }
  byId("problem-retry").hidden = !retryAfter;
  byId("problem-retry").textContent = retryAfter ? text("retry", { seconds: retryAfter }) : "";
  byId("problem").hidden = false;
}

async function load(file) {
  try {
    input.value = (await file.text()).replace(/^\uFEFF/, "");
  } catch (error) {
    byId("input-error").textContent = text("unreadable", { message: error.message });
    return;
  }
  inputChanged();
}

function toCsv({ points, labels, header }) {
  const names = header ?? points[0].map((_, index) => `x${index + 1}`);
  const rows = points.map((point, index) => [...point, labels[index]].join(","));
  const quoted = names.map((name) =>
    /[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name,
  );
  return `${[...quoted, "cluster"].join(",")}\n${rows.join("\n")}\n`;
}

async function pollConfig() {
  if (document.hidden) return;
  // A failure is not shown here: sending points shows it.
  const response = await fetch(data.config).catch(() => null);
  if (!response?.ok) return;
  const { clusters, version } = await response.json();
  if (byId("current-clusters").textContent !== String(clusters)) {
    byId("current-clusters").textContent = clusters;
  }
  const isStale = answer !== null && answer.version !== version;
  if (byId("stale").hidden === isStale) {
    byId("stale").textContent = isStale ? text("stale") : "";
    byId("stale").hidden = !isStale;
  }
}

let typingPause;
input.addEventListener("input", () => {
  clearTimeout(typingPause);
  typingPause = setTimeout(inputChanged, TYPING_PAUSE_MILLISECONDS);
});
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
});
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typingPause);
  send();
});
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", () => {
    input.value = EXAMPLES[button.dataset.example]();
    inputChanged();
  });
}
byId("file").addEventListener("change", (event) => {
  if (event.target.files.length) load(event.target.files[0]);
});
for (const name of ["dragover", "dragleave", "drop"]) {
  byId("form").addEventListener(name, (event) => {
    event.preventDefault();
    byId("form").classList.toggle("dragged", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) load(event.dataTransfer.files[0]);
  });
}
byId("download").addEventListener("click", () =>
  download("clusters.csv", "text/csv", toCsv(answer)),
);
setInterval(pollConfig, CONFIG_POLL_MILLISECONDS);

if (!input.value) input.value = EXAMPLES.nine(); // a browser may restore an earlier input
inputChanged();
