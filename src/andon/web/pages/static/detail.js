/* All about the selected image. */

import { places } from "./boxes.js";
import { button, byId, element, icon } from "./dom.js";
import { explain } from "./explain.js";
import { formatScore } from "./format.js";
import { badgeOf, labelWords } from "./list.js";
import { isPending } from "./queue.js";
import { scoresTable } from "./scores.js";
import { waterfallTable } from "./waterfall.js";
import { isEnglish, say } from "./words.js";

export function startDetail(list, queue) {
  const show = () => byId("detail-body").replaceChildren(...contents(list.selected, queue));
  list.addEventListener("selected", show);
  list.addEventListener("opened", reveal);
  queue.addEventListener("changed", ({ detail: item }) => {
    if (item !== list.selected) return;
    const hadFocus = byId("detail-body").contains(document.activeElement);
    show();
    // The button that was pressed is gone; its successor stands in the same place.
    if (hadFocus) byId("detail-body").querySelector(".actions button")?.focus();
  });
}

/* On a narrow screen the result is below the list, and mostly out of view. */
function reveal() {
  const [detail, list] = [byId("detail"), byId("list")].map((part) => part.getBoundingClientRect());
  if (detail.top > list.top && detail.left < list.right) byId("detail").scrollIntoView({ block: "start" });
}

function contents(item, queue) {
  if (!item) return [element("p", { className: "empty", textContent: say("detail.empty") })];
  return [
    element("div", { className: "summary" }, preview(item), element("div", {}, ...summary(item), actions(item, queue))),
    ...(item.state === "done" ? findings(item) : []),
    ...(item.problem && item.state === "failed" ? [refusalFacts(item.problem)] : []),
  ];
}

function preview(item) {
  const image = element("img", { src: item.url, alt: say("detail.image", { name: item.file.name }) });
  const missing = () => element("p", { className: "preview none quiet", textContent: say("detail.no_preview") });
  image.className = "preview";
  image.addEventListener("error", () => image.replaceWith(missing()));
  return image;
}

function summary(item) {
  const name = element("p", { className: "quiet name", textContent: item.file.name, translate: false });
  if (item.state === "failed") {
    return [name, badgeOf(item), element("p", { className: "said", textContent: explain(item.problem, item.file.size) })];
  }
  if (item.state !== "done") return [name, badgeOf(item)];
  const { label, score } = item.answer.prediction;
  return [
    name,
    element("p", { className: "verdict" }, badgeOf(item)),
    element("p", { className: "label", textContent: labelWords(label), translate: false }),
    score === null ? null : element("p", { className: "quiet", textContent: say("detail.score.of", { score: formatScore(score) }) }),
    reasons(item.answer.prediction),
  ];
}

/* The service gives its reasons in English; in another language they are told from the verdict. */
function reasons({ verdict, reasons: told, label, score }) {
  const values = { label, score: formatScore(score) };
  const rule = label === null && verdict === "OK" ? "reason.nothing" : `reason.${verdict}`;
  const sentences = isEnglish && told.length > 0 ? told : [say(rule, values)];
  return element(
    "ul",
    { className: "reasons", attributes: { "aria-label": say("detail.reasons") } },
    ...sentences.map((sentence) => element("li", { textContent: sentence })),
  );
}

function actions(item, queue) {
  const again = say(item.state === "done" ? "detail.again" : "detail.retry");
  return element(
    "div",
    { className: "row actions" },
    isPending(item)
      ? button(say("detail.cancel"), () => queue.cancel(item), "small")
      : button(again, () => queue.again(item), "small"),
    button(say("detail.remove"), () => remove(item, queue), "small"),
  );
}

function remove(item, queue) {
  queue.remove(item);
  (byId("list").querySelector("[aria-selected=true]") ?? byId("drop")).focus();
}

function findings({ answer, url, file }) {
  const { body, prediction, model } = answer;
  const alt = say("detail.places.of", { name: file.name });
  return [
    ...(prediction.boxes.length > 0 ? [places({ url, alt, boxes: prediction.boxes, orientation: model?.orientation })] : []),
    scoresTable(prediction.scores, knownLabels(model?.labels ?? [], prediction)),
    element("div", { className: "block" }, waterfallTable(answer)),
    facts([
      ["detail.model", code(`${body.model.name} · ${body.model.version}`)],
      ["detail.request", code(body.request_id)],
    ]),
    rawAnswer(body),
  ];
}

/* Of a model that is no longer served, only the label that it answered is known. */
function knownLabels(labels, { scores, index, label }) {
  if (labels.length === scores.length) return labels;
  return scores.map((_, place) => (place === index ? label : `${place}`));
}

function refusalFacts(problem) {
  return facts([
    ["detail.code", code(problem.code)],
    ...(problem.requestId ? [["detail.request", code(problem.requestId)]] : []),
    ...(isEnglish && problem.detail ? [["detail.service_says", problem.detail]] : []),
  ]);
}

function code(text) {
  return element("code", { textContent: text, translate: false });
}

function facts(entries) {
  const rows = entries.map(([key, value]) =>
    element("div", {}, element("dt", { textContent: say(key) }), element("dd", {}, value)),
  );
  return element("dl", { className: "facts small" }, ...rows);
}

/* Filled when it is opened: it may have a thousand scores. */
function rawAnswer(body) {
  const text = element("code", { translate: false });
  const place = element("pre", { tabIndex: 0, attributes: { "aria-label": say("detail.raw") } }, text);
  const made = element("details", {}, element("summary", { textContent: say("detail.raw") }), place);
  made.addEventListener("toggle", () => {
    text.textContent = made.open ? JSON.stringify(body, null, 2) : "";
  });
  return made;
}
