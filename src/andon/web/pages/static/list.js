/* The list of images: one line each, with what has come of it; a list box, so that it is one stop of the Tab key. */

import { announce, byId, element, icon } from "./dom.js";
import { formatScore } from "./format.js";
import { isPending } from "./queue.js";
import { say } from "./words.js";

export class List extends EventTarget {
  selected = null;
  #queue;
  #rows = new Map();

  constructor(queue) {
    super();
    this.#queue = queue;
    queue.addEventListener("changed", ({ detail: item }) => this.#show(item));
    queue.addEventListener("removed", ({ detail: item }) => this.#drop(item));
    byId("list").addEventListener("keydown", (event) => this.#press(event));
    byId("clear").addEventListener("click", () => this.#clear());
    byId("cancel-rest").addEventListener("click", () => {
      for (const item of queue.items) queue.cancel(item);
      byId("clear").focus();
    });
  }

  select(item, { focus = false } = {}) {
    for (const [other, row] of this.#rows) {
      row.setAttribute("aria-selected", String(other === item));
      row.tabIndex = other === item ? 0 : -1;
    }
    this.selected = item;
    if (focus) this.#rows.get(item)?.focus();
    this.dispatchEvent(new CustomEvent("selected", { detail: item }));
  }

  #show(item) {
    const isNew = !this.#rows.has(item);
    if (isNew) this.#add(item);
    const row = this.#rows.get(item);
    row.querySelector(".outcome").replaceChildren(...outcome(item));
    row.dataset.state = item.state;
    this.#showProgress();
    if (!this.selected) this.select(item);
    if (!isPending(item)) this.#announce(item);
  }

  #add(item) {
    const row = element(
      "li",
      { tabIndex: -1, attributes: { role: "option", "aria-selected": "false" } },
      thumbnail(item),
      element("span", { className: "name", textContent: item.file.name, title: item.file.name, translate: false }),
      element("span", { className: "outcome" }),
    );
    row.addEventListener("click", () => {
      this.select(item, { focus: true });
      this.dispatchEvent(new Event("opened"));
    });
    this.#rows.set(item, row);
    byId("list").append(row);
    byId("results").hidden = false;
  }

  #drop(item) {
    const row = this.#rows.get(item);
    const hadFocus = row.contains(document.activeElement);
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    this.#rows.delete(item);
    row.remove();
    byId("results").hidden = this.#rows.size === 0;
    this.#showProgress();
    if (this.selected !== item) return;
    const next = [...this.#rows].find(([, other]) => other === neighbour)?.[0] ?? null;
    this.select(next, { focus: hadFocus });
    if (!next && hadFocus) byId("drop").focus();
  }

  #clear() {
    for (const item of [...this.#queue.items].reverse()) this.#queue.remove(item);
    byId("drop").focus();
  }

  #press(event) {
    const items = this.#queue.items;
    const place = items.indexOf(this.selected);
    const moves = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: items.length - 1 };
    if (event.key in moves) {
      event.preventDefault();
      this.select(items[Math.min(Math.max(moves[event.key], 0), items.length - 1)], { focus: true });
    } else if (event.key === "Delete" && this.selected) {
      event.preventDefault();
      this.#queue.remove(this.selected);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.dispatchEvent(new Event("opened"));
    }
  }

  #showProgress() {
    const { doneCount, items } = this.#queue;
    byId("progress").textContent = say("list.progress", { done: doneCount, total: items.length });
    byId("cancel-rest").hidden = doneCount === items.length;
  }

  #announce(item) {
    const { doneCount, items } = this.#queue;
    const values = { name: item.file.name, result: resultWords(item), done: doneCount, total: items.length };
    announce(say("list.announce", values));
  }
}

function thumbnail(item) {
  const image = element("img", { src: item.url, alt: "", loading: "lazy", decoding: "async", width: 48, height: 48 });
  image.addEventListener("error", () => image.replaceWith(element("span", { className: "thumbnail" }, icon("image"))));
  return image;
}

function outcome(item) {
  if (item.state !== "done") return [badgeOf(item)];
  const { label, score } = item.answer.prediction;
  return [
    element("span", { className: "label", textContent: labelWords(label), translate: false }),
    element("span", { className: "score", textContent: formatScore(score) }),
    badgeOf(item),
  ];
}

/* A model that looks for things may find none. */
export function labelWords(label) {
  return label ?? say("detail.nothing");
}

/* Colour, shape and word say the same. */
export function badgeOf(item) {
  const kind = item.state === "done" ? item.answer.prediction.verdict : item.state;
  const shape = kind === "retrying" ? "waiting" : kind;
  return element("span", { className: `badge ${kind}` }, icon(shape), stateWords(item));
}

function stateWords(item) {
  if (item.state === "done") return say(`verdict.${item.answer.prediction.verdict}`);
  return say(`item.${item.state}`, { seconds: item.retryInS });
}

function resultWords(item) {
  if (item.state !== "done") return stateWords(item);
  const { label, score } = item.answer.prediction;
  return `${labelWords(label)} ${formatScore(score)}, ${stateWords(item)}`;
}
