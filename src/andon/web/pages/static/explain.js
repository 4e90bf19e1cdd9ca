/* A problem in words that a person understands, by its code. */

import { formatBytes } from "./format.js";
import { hasWords, say } from "./words.js";

export const maxImageBytes = Number(document.body.dataset.maxImageBytes);

export function explain(problem, sizeBytes = 0) {
  const key = `error.${problem.code}`;
  const values = { size: formatBytes(sizeBytes), limit: formatBytes(maxImageBytes) };
  return say(hasWords(key) ? key : "error.page.unknown", values);
}
