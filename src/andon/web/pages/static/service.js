/* Talking with the service: its models, and one image at a time. Knows nothing of the page. */

import { getToken, isTokenMissing } from "./token.js";

/* Why there is no answer: `code` is the service's, or one of ours that begins with `page.`. */
export class Problem extends Error {
  constructor(code, { status = 0, detail = "", requestId = "", retryAfterS = null } = {}) {
    super(code);
    Object.assign(this, { code, status, detail, requestId, retryAfterS });
  }
}

/* What a status means where something in between answered, and not the service. */
const CODES_OF_STATUS = {
  401: "request.token",
  404: "request.path",
  405: "request.method",
  408: "request.timeout",
  413: "request.bytes",
  429: "engine.full",
  502: "page.gateway",
  503: "page.gateway",
  504: "page.gateway",
};

/* Relative to the page, so that it also works under a prefix. */
export function addressOf(path) {
  return new URL(path, document.baseURI).href;
}

export async function getModels() {
  const { body } = await ask("models", {});
  if (!Array.isArray(body.models)) throw new Problem("page.answer");
  return body;
}

/* Give the answer for one image, with `stages` and `network` in ms: what the server and the way took. */
export async function predict(path, file, signal) {
  // Read first: a file that has gone would otherwise look like a network that has gone.
  const image = await file.arrayBuffer().catch(() => {
    throw new Problem("page.file");
  });
  signal.throwIfAborted();
  if (!beginsAsImage(image)) throw new Problem("image.format");
  const headers = { "Content-Type": contentTypeOf(file) };
  const { body, response, sentMs, receivedMs } = await ask(path, { method: "POST", body: image, headers, signal });
  const prediction = body.predictions?.[0];
  if (!prediction) throw new Problem("page.answer");
  if (prediction.error) throw new Problem(prediction.error.code, { detail: prediction.error.message });
  const stages = stagesOf(response, prediction);
  const serverMs = stages.reduce((sum, stage) => sum + stage.ms, 0);
  return { body, prediction, stages, network: { sendMs: Math.max(sentMs - serverMs, 0), receiveMs: receivedMs } };
}

/* The first bytes that a format has, in hexadecimal; what begins otherwise would be sent for nothing. */
const BEGINNING = new RegExp(`^(?:${document.body.dataset.beginnings})`);

function beginsAsImage(buffer) {
  const bytes = [...new Uint8Array(buffer.slice(0, 12))];
  return BEGINNING.test(bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(""));
}

export function contentTypeOf(file) {
  // It is also shown within quotes of a shell, so only what a media type may be is believed.
  return /^image\/[\w.+-]+$/.test(file.type) ? file.type : "application/octet-stream";
}

async function ask(path, options) {
  if (isTokenMissing()) throw new Problem("request.token");
  const headers = { Accept: "application/json", ...options.headers };
  if (getToken()) headers.Authorization = `Bearer ${getToken()}`;
  const started = performance.now();
  const response = await reach(addressOf(path), { ...options, headers });
  const sent = performance.now();
  const text = await response.text().catch((error) => rethrow(error));
  const received = performance.now();
  const body = parsed(text);
  if (!response.ok) throw problemOf(response, body);
  if (body === null) throw new Problem("page.answer", { status: response.status });
  return { body, response, sentMs: sent - started, receivedMs: received - sent };
}

function reach(address, options) {
  return fetch(address, options).catch((error) => rethrow(error));
}

function rethrow(error) {
  throw error.name === "AbortError" ? error : new Problem("page.network");
}

function parsed(text) {
  try {
    const body = JSON.parse(text);
    return typeof body === "object" ? body : null;
  } catch {
    return null;
  }
}

function problemOf(response, body) {
  const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new Problem(body?.code ?? CODES_OF_STATUS[response.status] ?? "page.answer", {
    status: response.status,
    detail: [body?.detail, body?.hint].filter(Boolean).join("; "),
    requestId: body?.request_id ?? response.headers.get("X-Request-Id") ?? "",
    retryAfterS: Number.isNaN(retryAfter) ? null : retryAfter,
  });
}

/* The stages in the server, in order; from the header, which also has the time before the image was unpacked. */
function stagesOf(response, prediction) {
  const header = response.headers.get("Server-Timing") ?? "";
  const found = [...header.matchAll(/([\w-]+)\s*;\s*dur=([\d.]+)/g)].map(([, name, ms]) => ({ name, ms: Number(ms) }));
  if (found.length > 0) return found;
  return Object.entries(prediction.timings_ms).map(([name, ms]) => ({ name, ms }));
}
