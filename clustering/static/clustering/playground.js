/** The playground: from the input to the answer. */

import { drawClusters } from "./clusters.js";
import { EXAMPLES } from "./examples.js";
import { InputError, readPoints } from "./points.js";
import { SNIPPETS } from "./snippets.js";

const INLINE_CHARACTERS = 1000; // of a body that the code holds; longer ones it reads from a file
const SHOWN_LABELS = 2000;
const LOOK_AT_CONFIG_MILLISECONDS = 3000;
const PAUSE_IN_TYPING_MILLISECONDS = 250;

const byId = (id) => document.getElementById(id);
const texts = byId("playground").dataset;
const input = byId("points");
const apiKey = byId("api-key"); // null where the service demands none
let answered = null; // the last good answer: points, header, labels, version
let snippetBody = null;
let fullBody = "";
let language = "curl";

function say(key, values = {}) {
  return texts[key].replace(/{(\w+)}/g, (_, name) => values[name]);
}

/** Read the input and show what it is; return it, or null after saying what is wrong. */
function look({ goThere = false } = {}) {
  byId("count").textContent = byId("input-error").textContent = "";
  input.removeAttribute("aria-invalid");
  try {
    const read = readPoints(input.value);
    const { points } = read;
    if (points) {
      byId("count").textContent = say("counted", {
        points: points.length,
        dimensions: points[0].length,
      });
    }
    fullBody = read.body;
    const compact = points && JSON.stringify({ points });
    snippetBody = compact?.length <= INLINE_CHARACTERS ? compact : null;
    showCode();
    return read;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    byId("input-error").textContent = say(error.key, error.values);
    input.setAttribute("aria-invalid", "true");
    if (goThere) select(error.place ?? { start: 0, end: 0 });
    return null;
  }
}

function select({ start, end }) {
  input.focus();
  input.setSelectionRange(start, end);
}

function changed() {
  answered = null;
  for (const id of ["answer", "problem", "stale"]) byId(id).hidden = true;
  byId("summary").textContent = "";
  const points = look()?.points;
  if (points) drawClusters(byId("drawing"), points);
  else byId("drawing").replaceChildren();
}

async function send() {
  const button = byId("send");
  if (button.ariaBusy === "true") return;
  const read = look({ goThere: true });
  if (!read) return;
  const headers = {
    "Content-Type": "application/json",
    "Accept-Language": document.documentElement.lang, // for the titles of problems
  };
  if (apiKey) headers.Authorization = `Api-Key ${apiKey.value.trim()}`;
  button.ariaBusy = "true"; // not disabled, which would take the focus away
  const began = performance.now();
  try {
    const response = await fetch(texts.endpoint, { method: "POST", headers, body: read.body });
    const text = await response.text();
    show(read, response, text, performance.now() - began);
  } catch (error) {
    showProblem({ title: say("noAnswer"), detail: say("unreachable", { message: error.message }) });
  } finally {
    button.ariaBusy = "false";
  }
}

function show(read, response, text, milliseconds) {
  for (const cell of document.querySelectorAll("[data-header]")) {
    cell.textContent = response.headers.get(cell.dataset.header) ?? "";
    cell.parentElement.hidden = !cell.textContent;
  }
  byId("answer").hidden = false;
  if (!response.ok) {
    showProblem(problemIn(response, text), read, response.headers.get("Retry-After"));
    return;
  }
  const labels = JSON.parse(text).results;
  const points = read.points;
  answered = {
    points,
    labels,
    header: read.header,
    version: response.headers.get("X-Config-Version"),
  };
  byId("problem").hidden = byId("stale").hidden = true;
  byId("labels-block").hidden = false;
  drawClusters(byId("drawing"), points, labels);
  byId("summary").textContent = say("answered", {
    points: points.length,
    clusters: new Set(labels).size,
    milliseconds: Math.max(1, Math.round(milliseconds)),
  });
  const more = labels.length - SHOWN_LABELS;
  byId("labels").textContent =
    labels.slice(0, SHOWN_LABELS).join(" ") +
    (more > 0 ? ` ${say("shortened", { count: more })}` : "");
}

function problemIn(response, text) {
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json"))
    return JSON.parse(text);
  const title = `${response.status} ${response.statusText}`;
  return { title, detail: say("noProblemDocument") };
}

/** Show a problem document; `read` is the input that it is about. */
function showProblem({ status = "", title, detail, type = "", pointer }, read = null, wait = null) {
  answered = null;
  byId("labels-block").hidden = true;
  byId("summary").textContent = "";
  byId("problem-title").textContent = `${status} ${title}`.trim();
  byId("problem-detail").textContent = pointer ? `${pointer}: ${detail}` : detail;
  byId("problem-type").textContent = type;
  const place = pointer?.includes("[") ? read?.placeOf(pointer) : null;
  byId("problem-place").hidden = !place;
  if (place) {
    byId("problem-place").firstElementChild.textContent = say("place", {
      pointer,
      line: place.line,
    });
    const excerpt = input.value.slice(place.start, place.end);
    byId("problem-line").textContent = excerpt.length > 60 ? `${excerpt.slice(0, 59)}…` : excerpt;
    byId("problem-line").onclick = () => select(place);
  }
  byId("problem-retry").hidden = !wait;
  byId("problem-retry").textContent = wait ? say("retry", { seconds: wait }) : "";
  byId("problem").hidden = false;
}

async function load(file) {
  try {
    input.value = (await file.text()).replace(/^\uFEFF/, "");
  } catch (error) {
    byId("input-error").textContent = say("unreadable", { message: error.message });
    return;
  }
  changed();
}

function showCode() {
  const url = new URL(texts.endpoint, location.href).href;
  byId("code").textContent = SNIPPETS[language]({
    url,
    body: snippetBody,
    withKey: apiKey !== null,
  });
  byId("save-body").hidden = snippetBody !== null;
  byId("copied").textContent = "";
}

function choose(tab) {
  language = tab.dataset.language;
  for (const other of document.querySelectorAll("[role=tab]")) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
  byId("code").setAttribute("aria-labelledby", tab.id);
  showCode();
}

async function copy() {
  if (navigator.clipboard) await navigator.clipboard.writeText(byId("code").textContent);
  else {
    // over plain HTTP a browser has it for localhost only
    getSelection().selectAllChildren(byId("code"));
    document.execCommand("copy");
  }
  byId("copied").textContent = say("copied");
}

function save(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function labeledCsv({ points, labels, header }) {
  const names = header ?? points[0].map((_, index) => `x${index + 1}`);
  const rows = points.map((point, index) => [...point, labels[index]].join(","));
  const quoted = names.map((name) =>
    /[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name,
  );
  return `${[...quoted, "cluster"].join(",")}\n${rows.join("\n")}\n`;
}

async function lookAtConfig() {
  if (document.hidden) return;
  const response = await fetch(texts.config).catch(() => null); // told when points are sent
  if (!response?.ok) return;
  const { clusters, version } = await response.json();
  if (byId("clusters-in-force").textContent !== String(clusters)) {
    byId("clusters-in-force").textContent = clusters;
  }
  const isStale = answered !== null && answered.version !== version;
  if (byId("stale").hidden === isStale) {
    byId("stale").textContent = isStale ? say("stale") : "";
    byId("stale").hidden = !isStale;
  }
}

let pause;
input.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(changed, PAUSE_IN_TYPING_MILLISECONDS);
});
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
});
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(pause);
  send();
});
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", () => {
    input.value = EXAMPLES[button.dataset.example]();
    changed();
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
const tabs = [...document.querySelectorAll("[role=tab]")];
tabs.forEach((tab, index) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(index + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
});
byId("copy").addEventListener("click", copy);
byId("save").addEventListener("click", () => save("points.json", "application/json", fullBody));
byId("download").addEventListener("click", () =>
  save("clusters.csv", "text/csv", labeledCsv(answered)),
);
setInterval(lookAtConfig, LOOK_AT_CONFIG_MILLISECONDS);

if (!input.value) input.value = EXAMPLES.nine(); // a browser may have kept what was there
changed();
