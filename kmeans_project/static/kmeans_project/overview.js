// Renews the overview's panels while the page is looked at.

const PERIOD_MS = 3000;
const PATIENCE_MS = 10_000;
const live = document.getElementById("live");
const overview = document.getElementById("overview");
// What the server sent last, by panel: what is on the page also has what the reader opened.
const sent = new Map();
let timer = 0;
let renewing = false;

function tell(text, isWell) {
  live.classList.toggle("lost", !isWell);
  // Said aloud only when it is something else than before.
  if (live.textContent !== text) live.textContent = text;
}

function isBeingRead(panel) {
  const selection = document.getSelection();
  return !selection.isCollapsed && panel.contains(selection.anchorNode);
}

function replace(panel, renewed) {
  const open = [...panel.querySelectorAll("details[open]")].map((details) => details.id);
  const scrolled = [...panel.querySelectorAll(".wide")].map((wide) => [wide.id, wide.scrollLeft]);
  const focused = panel.contains(document.activeElement) ? document.activeElement : null;
  const isSummary = focused?.tagName === "SUMMARY";
  const id = isSummary ? focused.parentElement.id : focused?.id;
  panel.replaceWith(renewed);
  for (const name of open) renewed.querySelector(`#${name}`)?.setAttribute("open", "");
  for (const [name, left] of scrolled) {
    const wide = renewed.querySelector(`#${name}`);
    if (wide) wide.scrollLeft = left;
  }
  if (id) {
    const again = renewed.querySelector(isSummary ? `#${id} > summary` : `#${id}`);
    again?.focus({ preventScroll: true });
  }
}

function show(text) {
  const panels = new DOMParser().parseFromString(text, "text/html").querySelectorAll("section");
  for (const renewed of panels) {
    const panel = document.getElementById(renewed.id);
    if (!panel) overview.append(document.adoptNode(renewed));
    else if (sent.get(renewed.id) !== renewed.outerHTML && !isBeingRead(panel)) {
      sent.set(renewed.id, renewed.outerHTML);
      replace(panel, document.adoptNode(renewed));
    }
  }
}

async function renew() {
  if (renewing) return;
  renewing = true;
  const goesOn = await ask();
  renewing = false;
  if (goesOn && !document.hidden) timer = setTimeout(renew, PERIOD_MS);
}

async function ask() {
  try {
    const answer = await fetch(live.dataset.url, {
      headers: { Accept: "text/html" },
      redirect: "manual", // to the login
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.type === "opaqueredirect" || answer.status === 403) {
      tell(live.dataset.ended, false);
      return false;
    }
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.text());
    tell(live.dataset.on, true);
  } catch {
    tell(live.dataset.lost, false);
  }
  return true;
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden) renew();
});
if (!document.hidden) timer = setTimeout(renew, PERIOD_MS);
