/** Calls the worker that reads the input. */

let worker = null;
let calls = new Map(); // by id: what settles the promise of the caller
let lastId = 0;
let showProgress = () => {};

/** Let `show` be called with the progress of reading, 0 to 1. */
export function onProgress(show) {
  showProgress = show;
}

/**
 * Call a function of points_worker.js, and return a promise of its result.
 *
 * A new `read` ends what the worker still does. The promise of that is rejected with `{ isOver }`.
 */
export function call(name, ...args) {
  if (name === "read" && calls.size) end({ isOver: true });
  worker ??= start();
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    calls.set(id, { resolve, reject });
    worker.postMessage({ id, name, args });
  });
}

function start() {
  const started = new Worker(new URL("./points_worker.js", import.meta.url), { type: "module" });
  started.addEventListener("message", ({ data }) => {
    const { id, result, error, progress } = data;
    if (started !== worker) return; // it was ended
    if (progress !== undefined) {
      showProgress(progress);
      return;
    }
    const { resolve, reject } = calls.get(id);
    calls.delete(id);
    if (error) reject(error);
    else resolve(result);
  });
  started.addEventListener("error", ({ message }) => {
    end({ key: "unreadable", values: { message: message ?? "" } });
  });
  return started;
}

function end(reason) {
  worker.terminate();
  worker = null;
  for (const { reject } of calls.values()) reject(reason);
  calls = new Map();
}
