// Refreshes the overview's panels while the page is visible.

const PERIOD_MS = 3000;
const TIMEOUT_MS = 10_000;
const live = document.getElementById("live");
const overview = document.getElementById("overview");
// The last HTML from the server by panel. The page itself also has what the reader opened.
const sent = new Map();
let timer = 0;
let refreshing = false;

function showStatus(text, isWell) {
  live.classList.toggle("lost", !isWell);
  // A screen reader announces each assignment.
  if (live.textContent !== text) live.textContent = text;
}

function isBeingRead(panel) {
  const selection = document.getSelection();
  return !selection.isCollapsed && panel.contains(selection.anchorNode);
}

function replace(panel, refreshed) {
  const open = [...panel.querySelectorAll("details[open]")].map((details) => details.id);
  const scrolled = [...panel.querySelectorAll(".wide")].map((wide) => [wide.id, wide.scrollLeft]);
  const focused = panel.contains(document.activeElement) ? document.activeElement : null;
  const isSummary = focused?.tagName === "SUMMARY";
  const id = isSummary ? focused.parentElement.id : focused?.id;
  panel.replaceWith(refreshed);
  for (const name of open) refreshed.querySelector(`#${name}`)?.setAttribute("open", "");
  for (const [name, left] of scrolled) {
    const wide = refreshed.querySelector(`#${name}`);
    if (wide) wide.scrollLeft = left;
  }
  if (id) {
    const again = refreshed.querySelector(isSummary ? `#${id} > summary` : `#${id}`);
    again?.focus({ preventScroll: true });
  }
}

function show(text) {
  const panels = new DOMParser().parseFromString(text, "text/html").querySelectorAll("section");
  for (const refreshed of panels) {
    const panel = document.getElementById(refreshed.id);
    if (!panel) overview.append(document.adoptNode(refreshed));
    else if (sent.get(refreshed.id) !== refreshed.outerHTML && !isBeingRead(panel)) {
      sent.set(refreshed.id, refreshed.outerHTML);
      replace(panel, document.adoptNode(refreshed));
    }
  }
}

async function refresh() {
  if (refreshing) return;
  refreshing = true;
  const goOn = await fetchPanels();
  refreshing = false;
  if (goOn && !document.hidden) timer = setTimeout(refresh, PERIOD_MS);
}

async function fetchPanels() {
  try {
    const answer = await fetch(live.dataset.url, {
      headers: { Accept: "text/html" },
      redirect: "manual", // to the login
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (answer.type === "opaqueredirect" || answer.status === 403) {
      showStatus(live.dataset.ended, false);
      return false;
    }
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.text());
    showStatus(live.dataset.on, true);
  } catch {
    showStatus(live.dataset.lost, false);
  }
  return true;
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden) refresh();
});
if (!document.hidden) timer = setTimeout(refresh, PERIOD_MS);
