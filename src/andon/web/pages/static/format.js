/* Numbers as people read them. */

/* Where nothing was found, there is no score. */
export function formatScore(score) {
  if (score === null) return "";
  if (score > 0 && score < 0.001) return "<0.001";
  // A score that is not quite 1 does not become 1 by rounding.
  if (score < 1 && score > 0.999) return ">0.999";
  return score.toFixed(3);
}

export function formatMs(ms) {
  return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

export function formatBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  const megabytes = bytes / (1024 * 1024);
  return `${Number.isInteger(megabytes) ? megabytes : megabytes.toFixed(1)} MB`;
}

export function formatDifference(number) {
  if (number === null) return "∞"; // JSON has no infinity
  return number === 0 ? "0" : number.toExponential(1).replace(".0e", "e");
}
