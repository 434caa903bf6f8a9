/** The playground: reads points, sends them to the service, and shows the answers. */

import { hideAnswer, showHeaders, showPartition, showPoints } from "./answer_panel.js";
import { showCode } from "./code_panel.js";
import { onSelection, resetColumns, selection, showColumns } from "./columns.js";
import { clearCurves, drawCurves } from "./curves.js";
import { shortNumber } from "./elements.js";
import { EXAMPLES } from "./examples.js";
import { jumpTo, showFilePart, showText } from "./input_field.js";
import { byId, data, text } from "./page.js";
import { hideProblem, showProblem } from "./problem_panel.js";
import { call, onProgress } from "./reader.js";
import { adviceRequest, labelsRequest, post } from "./service.js";

const CANDIDATES = [2, 3, 4, 5, 6, 7, 8, 9, 10];
const CONFIG_POLL_MILLISECONDS = 3000;
const TYPING_PAUSE_MILLISECONDS = 250;
const LARGE_PASTE_CHARACTERS = 2_000_000; // more would freeze the text field
const LEGACY_ENCODING = document.documentElement.lang.startsWith("zh") ? "gb18030" : "windows-1252";

const input = byId("points");
const buttons = ["send", "try", "compare"].map(byId);
let reading = Promise.resolve(null); // what the worker has read, or null
let request = null; // the AbortController of the request that is under way
let version = null; // of the config, if an answer that used it is shown
let typingPause = null;

/** Stop the request that is under way. */
function stopRequest() {
  request?.abort();
  request = null;
  // A disabled button would lose the focus.
  for (const button of buttons) button.ariaBusy = "false";
}

/** Remove what is shown of an input that is no more. */
function forget() {
  clearTimeout(typingPause);
  typingPause = null;
  stopRequest();
  hideAnswer();
  hideProblem();
  version = null;
  clearComparison();
  byId("drawing").replaceChildren();
  byId("drawing").hidden = false;
  for (const id of ["count", "input-error"]) byId(id).textContent = "";
  byId("progress").hidden = true;
  input.removeAttribute("aria-invalid");
}

/** Let the worker read an input, a string or a File. */
function read(source) {
  forget();
  const file = source instanceof File ? source : null;
  const done = call("read", source, selection(), LEGACY_ENCODING);
  reading = done.then((found) => show(found, file), showError);
}

/** Let the worker select other columns of the input. */
function select() {
  forget();
  reading = call("select", selection()).then(show, showError);
}

function showError(error) {
  return error.isOver ? null : show({ error, columns: null });
}

/** Show what the worker has read, and return it. */
function show(found, file = null) {
  if (typingPause) return null; // there is a newer input
  const { error, skipped, count, dimensions } = found;
  byId("progress").hidden = true;
  if (file && found.isWhole) showText(found.shown);
  else if (file && found.shown !== undefined) showFilePart(found.shown, file.name);
  if (showColumns(found)) return call("select", selection()).then(show);
  if (error) {
    byId("input-error").textContent = text(error.key, error.values);
    input.setAttribute("aria-invalid", "true");
    byId("drawing").hidden = true;
    return found;
  }
  showPoints(found);
  showCode(labelsRequest(found));
  if (count !== null) {
    const counts = [text("counted", { points: count, dimensions })];
    if (skipped) counts.push(text("skipped", { count: skipped }));
    byId("count").textContent = counts.join(" · ");
  }
  return found;
}

/**
 * Send the input with `ask`, and show its answer with `answer`; one request at a time.
 *
 * Returns whether a problem is shown instead.
 */
async function send(button, ask, answer) {
  if (button.ariaBusy === "true") return false;
  if (typingPause) read(input.value);
  stopRequest();
  const own = (request = new AbortController());
  button.ariaBusy = "true";
  hideProblem();
  try {
    const found = await reading;
    if (own.signal.aborted || !found) return false;
    if (found.error) {
      jumpTo(found.error.place);
      return false;
    }
    const response = await ask(found, own.signal);
    if (own.signal.aborted) return false;
    if (response.isOk) answer(found, response);
    else await showProblem(response.content, own.signal, response.headers.get("Retry-After"));
    return !response.isOk;
  } catch (error) {
    if (own.signal.aborted) return false;
    const detail = text("unreachable", { message: error.message });
    await showProblem({ title: text("noAnswer"), detail }, own.signal);
    return true;
  } finally {
    if (request === own) stopRequest();
  }
}

/** Send the input for new labels, in place of those that are shown. */
async function sendForLabels(button, ask, answer) {
  version = null;
  hideAnswer();
  const askAndShowHeaders = async (found, signal) => {
    const response = await ask(found, signal);
    if (!signal.aborted) showHeaders(response.headers);
    return response;
  };
  const hasProblem = await send(button, askAndShowHeaders, answer);
  const found = await reading;
  if (hasProblem && found) showPoints(found);
}

function cluster() {
  const ask = (found, signal) => {
    const request = labelsRequest(found);
    showCode(request); // it prints the labels; only this page needs the details
    return post({ ...request, url: `${request.url}?details=true` }, signal);
  };
  return sendForLabels(byId("send"), ask, (found, { content, headers, milliseconds }) => {
    const clusters = content.sizes.filter(Boolean).length;
    const values = { points: found.count, clusters, milliseconds };
    showPartition(found, content, text("answered", values));
    version = headers.get("X-Config-Version");
  });
}

function tryClusters(k) {
  byId("try-k").value = k;
  const ask = (found, signal) => {
    const request = adviceRequest(found, [k], "?details=true");
    showCode(request);
    return post(request, signal);
  };
  return sendForLabels(byId("try"), ask, (found, { content }) => {
    const [candidate] = content.candidates;
    const { inertia, silhouette, sizes } = candidate;
    const values = {
      k,
      points: found.count,
      clusters: sizes.filter(Boolean).length,
      inertia: shortNumber(inertia),
      silhouette: shortNumber(silhouette),
    };
    showPartition(found, candidate, text("tried", values));
    byId("drawing").scrollIntoView({ block: "nearest" });
    const link = byId("publish").firstElementChild;
    byId("publish").hidden = !data.publish;
    link.href = `${data.publish}?clusters=${k}`;
    link.textContent = text("publishK", { k });
  });
}

function compare() {
  let isSample = false;
  const ask = async (found, signal) => {
    const { count, drawn, indices } = found;
    const most = Math.min(count ?? Infinity, Number(data.maxClusters));
    const possible = CANDIDATES.filter((k) => k <= most);
    const candidates = possible.length ? possible : [CANDIDATES[0]];
    const request = adviceRequest(found, candidates);
    showCode(request);
    const response = await post(request, signal);
    isSample = indices !== null && response.content.type?.endsWith(":too-much-work");
    if (!isSample || signal.aborted) return response;
    const ofSample = { body: new Blob([JSON.stringify({ points: drawn })]) };
    const smaller = adviceRequest(ofSample, candidates);
    showCode(smaller);
    return post(smaller, signal);
  };
  clearComparison();
  return send(byId("compare"), ask, ({ count, drawn }, { content }) => {
    if (isSample) {
      const values = { count, drawn: drawn.length };
      byId("compared-sample").textContent = text("comparedSample", values);
    }
    drawCurves(byId("curves"), content, tryClusters);
  });
}

function clearComparison() {
  byId("compared-sample").textContent = "";
  clearCurves(byId("curves"));
}

async function pollConfig() {
  if (document.hidden) return;
  // A failure is not shown here: sending points shows it.
  const response = await fetch(data.config).catch(() => null);
  if (!response?.ok) return;
  const config = await response.json();
  if (byId("current-clusters").textContent !== String(config.clusters)) {
    byId("current-clusters").textContent = config.clusters;
  }
  const isStale = version !== null && version !== config.version;
  if (byId("stale").hidden === isStale) {
    byId("stale").textContent = isStale ? text("stale") : "";
    byId("stale").hidden = !isStale;
  }
}

/** Use another text or file as the input, with all its columns. */
function replaceInput(source) {
  resetColumns();
  showText(typeof source === "string" ? source : "");
  read(source);
}

function pasted(event) {
  const content = event.clipboardData.getData("text");
  if (content.length < LARGE_PASTE_CHARACTERS) return;
  event.preventDefault();
  byId("file").value = "";
  replaceInput(new File([content], text("pasted")));
}

onProgress((part) => {
  byId("progress").hidden = false;
  byId("progress-bar").value = part;
});
onSelection(select);
input.addEventListener("input", () => {
  forget();
  typingPause = setTimeout(() => read(input.value), TYPING_PAUSE_MILLISECONDS);
});
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
});
input.addEventListener("paste", pasted);
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  cluster();
});
byId("try-form").addEventListener("submit", (event) => {
  event.preventDefault();
  tryClusters(byId("try-k").valueAsNumber);
});
byId("compare").addEventListener("click", compare);
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", () => {
    byId("file").value = "";
    replaceInput(EXAMPLES[button.dataset.example]());
  });
}
byId("file").addEventListener("change", (event) => {
  if (event.target.files.length) replaceInput(event.target.files[0]);
});
byId("remove-file").addEventListener("click", () => {
  byId("file").value = "";
  replaceInput("");
  input.focus();
});
for (const name of ["dragover", "dragleave", "drop"]) {
  byId("form").addEventListener(name, (event) => {
    event.preventDefault();
    byId("form").classList.toggle("dragged", name === "dragover");
    if (name !== "drop" || !event.dataTransfer.files.length) return;
    byId("file").value = "";
    replaceInput(event.dataTransfer.files[0]);
  });
}
setInterval(pollConfig, CONFIG_POLL_MILLISECONDS);

if (input.value && !input.readOnly) read(input.value); // a browser may restore an earlier input
else replaceInput(EXAMPLES.nine());
