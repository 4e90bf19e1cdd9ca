/* Where the time of one answer went: each stage begins where the one before it ended. */

import { bar, element } from "./dom.js";
import { formatMs } from "./format.js";
import { hasWords, say } from "./words.js";

export function waterfallTable({ stages, network }) {
  const steps = [
    { name: "send", ms: network.sendMs, kind: "network" },
    ...stages.map((stage) => ({ ...stage, kind: "server" })),
    { name: "receive", ms: network.receiveMs, kind: "network" },
  ];
  const totalMs = steps.reduce((sum, step) => sum + step.ms, 0) || 1;
  let startMs = 0;
  const rows = steps.map((step) => {
    const made = row(step, startMs / totalMs, step.ms / totalMs);
    startMs += step.ms;
    return made;
  });
  return element(
    "table",
    { className: "bars" },
    element(
      "caption",
      {},
      say("detail.timing"),
      legend("server", say("detail.timing.server")),
      legend("network", say("detail.timing.network")),
    ),
    element("thead", { className: "unseen" }, head()),
    element("tbody", {}, ...rows),
    element("tfoot", {}, total(totalMs)),
  );
}

function legend(kind, words) {
  return element("span", { className: `legend ${kind}`, textContent: words });
}

function head() {
  return element(
    "tr",
    {},
    element("th", { scope: "col", textContent: say("detail.timing.stage") }),
    element("td"),
    element("th", { scope: "col", textContent: say("detail.timing.time") }),
  );
}

function row({ name, ms, kind }, start, length) {
  // A stage that a newer service has and this page does not know goes by its own name.
  const words = hasWords(`stage.${name}`) ? say(`stage.${name}`) : name;
  return element(
    "tr",
    {},
    element("th", { scope: "row", textContent: words }),
    element("td", {}, bar(start, length, kind)),
    element("td", { className: "number", textContent: formatMs(ms) }),
  );
}

function total(totalMs) {
  return element(
    "tr",
    {},
    element("th", { scope: "row", colSpan: 2, textContent: say("detail.timing.total") }),
    element("td", { className: "number", textContent: formatMs(totalMs) }),
  );
}
