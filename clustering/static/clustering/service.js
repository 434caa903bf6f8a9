/** Posts points to the service. */

import { byId, data, text } from "./page.js";

const apiKey = byId("api-key"); // null if the service requires none

/** Return the request for labels of what is read, as `post` and `showCode` take it. */
export function labelsRequest({ body, inline }) {
  return { url: data.endpoint, body, inline, member: "results" };
}

/** Return the request for advice on k-means with each of `candidates`, likewise. */
export function adviceRequest({ body, inline = null }, candidates, query = "") {
  // The body is an object, and its last character closes it. Of two members with the same name, the
  // last one counts.
  const isEmpty = body.size === 2;
  const members = `${isEmpty ? "" : ","}"candidates":${JSON.stringify(candidates)}}`;
  return {
    url: `${data.advice}${query}`,
    body: new Blob([body.slice(0, body.size - 1), members]),
    inline: inline && inline.slice(0, -1) + members,
    member: "candidates",
  };
}

/**
 * Post a body, a Blob, and return `{ isOk, headers, content, milliseconds }`.
 *
 * `content` is the answer, or a problem document.
 */
export async function post({ url, body }, signal) {
  const headers = {
    "Content-Type": "application/json",
    "Accept-Language": document.documentElement.lang, // for problems and reasons
  };
  if (apiKey) headers.Authorization = `Api-Key ${apiKey.value.trim()}`;
  const started = performance.now();
  const response = await fetch(url, { method: "POST", headers, body, signal });
  const content = await response.text();
  const milliseconds = Math.max(1, Math.round(performance.now() - started));
  const isOk = response.ok;
  const parsed = isOk ? JSON.parse(content) : problem(response, content);
  return { isOk, headers: response.headers, content: parsed, milliseconds };
}

function problem(response, content) {
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json"))
    return JSON.parse(content);
  const title = `${response.status} ${response.statusText}`;
  return { title, detail: text("noProblemDocument") };
}
