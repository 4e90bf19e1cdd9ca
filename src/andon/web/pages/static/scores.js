/* The scores of all labels as bars, best first; the first ten, and more on demand. */

import { bar, button, element } from "./dom.js";
import { formatScore } from "./format.js";
import { say } from "./words.js";

const FIRST = 10;
const MORE = 50;

export function scoresTable(scores, labels) {
  const ranked = scores.map((score, index) => ({ score, label: labels[index] ?? `${index}` }));
  ranked.sort((a, b) => b.score - a.score);
  // Scores of a model without activation are not 0-1; then the largest of them fills its bar.
  const full = Math.max(1, ...scores.map(Math.abs));
  const body = element("tbody");
  const table = element(
    "table",
    { className: "bars" },
    element("caption", { textContent: say("detail.scores") }),
    element("thead", { className: "unseen" }, head()),
    body,
  );
  const more = button("", () => show(body.rows.length + MORE), "small");
  const show = (count) => {
    const isFocused = document.activeElement === more;
    const fresh = ranked.slice(body.rows.length, count).map((entry) => row(entry, full));
    body.append(...fresh);
    const left = ranked.length - body.rows.length;
    more.hidden = left === 0;
    more.textContent = say("detail.scores.more", { number: Math.min(left, MORE), total: ranked.length });
    if (isFocused && more.hidden) focusOn(fresh[0]);
  };
  show(FIRST);
  return element("div", { className: "block" }, table, more);
}

function head() {
  return element(
    "tr",
    {},
    element("th", { scope: "col", textContent: say("detail.scores.label") }),
    element("td"),
    element("th", { scope: "col", textContent: say("detail.score") }),
  );
}

function row({ label, score }, full) {
  return element(
    "tr",
    {},
    element("th", { scope: "row", textContent: label, translate: false }),
    element("td", {}, bar(0, score / full, "fill")),
    element("td", { className: "number", textContent: formatScore(score) }),
  );
}

/* Where the button that had the focus goes away, the focus goes to what it brought. */
function focusOn(target) {
  target.tabIndex = -1;
  target.focus();
}
