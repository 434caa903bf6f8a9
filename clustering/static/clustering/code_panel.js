/** The panel with the request as code: a tab for each language, copy, and the file points.json. */

import { byId, copy, download, text } from "./page.js";
import { SNIPPETS } from "./snippets.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
let language = "curl";
let request = { url: "", body: new Blob([]), inline: null, member: "" };

/**
 * Show code that makes the request `{ url, body, inline, member }`.
 *
 * `inline` is a short body, a Blob, as text; null lets the code read a file. `member` is what the
 * code prints of the answer.
 */
export function showCode(shown) {
  request = shown;
  update();
}

function update() {
  byId("code").textContent = SNIPPETS[language]({
    url: new URL(request.url, location.href).href,
    body: request.inline,
    member: request.member,
    withKey: byId("api-key") !== null,
  });
  byId("save-body").hidden = request.inline !== null;
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

async function copyCode() {
  await copy(byId("code").textContent);
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
byId("copy").addEventListener("click", copyCode);
byId("save").addEventListener("click", () => download("points.json", request.body));
