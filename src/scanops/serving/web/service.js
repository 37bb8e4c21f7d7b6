import { text } from "./text.js";

// Below the server's own bounds, so that a folder of scans goes as several requests and answers come early.
const FILES_PER_REQUEST = 8;
const BYTES_PER_REQUEST = 32 * 1024 * 1024;

// Kept in this tab's memory alone.
let token = "";

export function setToken(given) {
  token = given.trim();
}

// Why a request was not answered, in words; `again` where the same request may be answered later, `token` where
// it takes one.
export class Fault extends Error {
  constructor(words, again, needsToken = false) {
    super(words);
    this.again = again;
    this.token = needsToken;
  }
}

// The files' names stay here: people put patients' names in them, and the server has no use for them.
async function send(path, files, field, accept, signal) {
  const form = new FormData();
  for (const file of files) form.append(field, file, "scan");
  const headers = token ? { accept, authorization: "Bearer".concat(" ", token) } : { accept };
  let response;
  try {
    response = await fetch(path, { method: "POST", body: form, headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault(text.unreachable, true);
  }
  return response;
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  const needsToken = response.status === 401;
  const later = needsToken || response.status >= 500 || response.status === 429 || response.status === 408;
  const words = needsToken ? text.needsToken : text.refused(response.status, problem.detail);
  return Object.assign(new Fault(words, later, needsToken), { files: problem.files });
}

// Answers of a group, an element a file, each with `class` and so on, or `error`.
export async function predict(files, signal) {
  const response = await send("/v1/predict", files, "files", "application/json", signal);
  if (response.ok) return await response.json();
  const fault = await refusal(response);
  // Where no file could be used, each has its own reason.
  if (fault.files) return { files: fault.files };
  throw fault;
}

export async function explain(file, label, signal) {
  const path = `/v1/explain?class=${encodeURIComponent(label)}`;
  const response = await send(path, [file], "file", "application/json", signal);
  if (!response.ok) throw await refusal(response);
  const body = await response.json();
  return { picture: png(body.picture), overlay: png(body.overlay) };
}

export async function preview(file, signal) {
  const response = await send("/v1/preview", [file], "file", "image/png", signal);
  if (!response.ok) throw await refusal(response);
  return await response.blob();
}

export async function version() {
  const response = await fetch("/version");
  if (!response.ok) throw await refusal(response);
  return await response.json();
}

function png(base64) {
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type: "image/png" });
}

export function* groups(items) {
  let group = [];
  let bytes = 0;
  for (const item of items) {
    const full = group.length === FILES_PER_REQUEST || bytes + item.file.size > BYTES_PER_REQUEST;
    if (group.length && full) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(item);
    bytes += item.file.size;
  }
  if (group.length) yield group;
}
