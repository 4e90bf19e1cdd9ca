/* Which model answers, what it runs on, and whether its proof holds. */

import { copyText } from "./copy.js";
import { byId, element, icon } from "./dom.js";
import { formatDifference } from "./format.js";
import { explain } from "./explain.js";
import { isEnglish, say } from "./words.js";

const STATE_ICONS = { loading: "sending", ready: "OK", failed: "failed" };

export function startModelCard(models) {
  models.addEventListener("change", () => show(models));
}

function show(models) {
  const card = byId("model");
  const hadFocus = document.activeElement?.closest("#model") && document.activeElement.id;
  card.replaceChildren(...contents(models));
  if (hadFocus) byId(hadFocus)?.focus();
}

function contents(models) {
  if (models.isLocked) return []; // the form for the token says what to do
  if (models.problem) return [refusal(explain(models.problem), models)];
  if (!models.chosen) return [refusal(say("model.empty"), models)];
  const model = models.chosen;
  return [
    element(
      "dl",
      { className: "facts" },
      fact("model.name", chooser(models)),
      fact("model.state", badge(STATE_ICONS[model.state], say(`model.state.${model.state}`), model.state)),
      fact("model.proof", proof(model), "wide"),
      fact("model.runs_on", [model.runtime, model.precision, model.device].filter(Boolean).join(" · ") || "–", "wide"),
      fact("model.version", code(model.version)),
      fact("model.digest", digest(model.digest)),
    ),
    model.state === "failed" ? failure(model) : null,
  ].filter(Boolean);
}

function refusal(text, models) {
  const again = element("button", {
    type: "button",
    id: "models-again",
    className: "small",
    textContent: say("model.again"),
    on: { click: () => models.refresh() },
  });
  return element("p", { className: "notice" }, icon("failed"), element("span", { textContent: text }), again);
}

function fact(key, value, kind = "") {
  return element("div", { className: kind }, element("dt", { textContent: say(key) }), element("dd", {}, value));
}

function code(text) {
  return text ? element("code", { textContent: text, translate: false }) : "–";
}

function badge(iconName, text, kind) {
  return element("span", { className: `badge ${kind}` }, icon(iconName), text);
}

/* A choice only where there is one. */
function chooser(models) {
  if (models.list.length === 1) return element("strong", { textContent: models.chosen.name, translate: false });
  const options = models.list.map((model, place) =>
    element("option", { value: place, textContent: optionText(model, models.list), selected: place === models.place }),
  );
  return element(
    "select",
    {
      id: "model-choice",
      translate: false,
      attributes: { "aria-label": say("model.choose") },
      on: { change: (event) => models.choose(Number(event.target.value)) },
    },
    ...options,
  );
}

function optionText(model, list) {
  const isUnique = list.filter((other) => other.name === model.name).length === 1;
  return isUnique ? model.name : `${model.name} ${model.version ?? ""}`;
}

function digest(text) {
  if (!text) return "–";
  const copy = element(
    "button",
    {
      type: "button",
      id: "digest-copy",
      className: "bare",
      attributes: { "aria-label": say("model.digest.copy") },
      on: { click: () => copyText(text) },
    },
    icon("copy"),
  );
  return element("span", { className: "row tight" }, code(`${text.slice(0, 12)}…`), copy);
}

function proof({ state, proof: found, runtime }) {
  if (state === "loading") return badge("sending", say("model.proof.waiting"), "loading");
  if (!found) return say(runtime === "null" ? "model.proof.none" : "model.proof.missing");
  const evidence = say("model.proof.evidence", {
    samples: found.samples,
    difference: formatDifference(found.worst_output_difference),
    tolerance: formatDifference(found.tolerance),
  });
  return element(
    "div",
    { className: "row" },
    found.holds
      ? badge("OK", say("model.proof.holds"), "ready")
      : badge("NotOK", say("model.proof.fails"), "failed"),
    element("span", { className: "evidence quiet" }, ...unbroken(evidence)),
  );
}

/* Keep the lines from breaking within a number such as 1e-4. */
function unbroken(text) {
  const parts = text.split(/(\d\S*\de-\d+|\de-\d+)/);
  return parts.map((part, place) => (place % 2 ? element("span", { textContent: part }) : part));
}

function failure(model) {
  const text = isEnglish && model.reason ? `${say("model.failed")} ${model.reason}` : say("model.failed");
  return element("p", { className: "notice" }, icon("failed"), element("span", { textContent: text }));
}
