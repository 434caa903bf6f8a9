/** The panel with the request as code: a tab for each language, copy, and the file points.json. */

import { byId, download, data, text } from "./page.js";
import { SNIPPETS } from "./snippets.js";

const MAX_INLINE_CHARACTERS = 1000; // of the body; the code reads a longer one from points.json

const tabs = [...document.querySelectorAll("[role=tab]")];
let language = "curl";
let body = "";
let inlineBody = null;

/** Show code that sends this input, as parsed by points.js. */
export function showCode(input) {
  body = input.body;
  const compact = input.points && JSON.stringify({ points: input.points });
  inlineBody = compact?.length <= MAX_INLINE_CHARACTERS ? compact : null;
  update();
}

function update() {
  byId("code").textContent = SNIPPETS[language]({
    url: new URL(data.endpoint, location.href).href,
    body: inlineBody,
    withKey: byId("api-key") !== null,
  });
  byId("save-body").hidden = inlineBody !== null;
  byId("copied").textContent = "";
}

function select(tab) {
  language = tab.dataset.language;
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
  byId("code").setAttribute("aria-labelledby", tab.id);
  update();
}

async function copy() {
  if (navigator.clipboard) await navigator.clipboard.writeText(byId("code").textContent);
  else {
    // Over plain HTTP, browsers have a clipboard for localhost only.
    getSelection().selectAllChildren(byId("code"));
    document.execCommand("copy");
  }
  byId("copied").textContent = text("copied");
}

tabs.forEach((tab, index) => {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(index + step + tabs.length) % tabs.length];
    select(next);
    next.focus();
  });
});
byId("copy").addEventListener("click", copy);
byId("save").addEventListener("click", () => download("points.json", "application/json", body));
