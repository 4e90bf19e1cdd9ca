/* The images and what has come of them: a few are sent at a time, each can be cancelled and sent again. */

import { Problem, predict } from "./service.js";

const AT_A_TIME = 2;
const MAX_TRIES = 10;
const WORTH_TRYING_AGAIN = new Set(["engine.full", "service.unready"]);
const MAX_RETRY_S = 30;

/* States: waiting, sending, retrying, done, failed, cancelled. */
export class Queue extends EventTarget {
  items = [];
  #models;
  #maxBytes;
  #nextId = 1;

  constructor(models, maxBytes) {
    super();
    this.#models = models;
    this.#maxBytes = maxBytes;
    models.addEventListener("change", () => this.#pump());
  }

  get doneCount() {
    return this.items.filter((item) => !isPending(item)).length;
  }

  /* Take files, of any type: whether one is an image is for the service to say. */
  add(files) {
    const added = [...files].map((file) => ({ id: this.#nextId++, file, url: URL.createObjectURL(file) }));
    this.items.push(...added);
    for (const item of added) this.#enqueue(item);
    this.#pump();
    return added;
  }

  again(item) {
    this.cancel(item);
    this.#enqueue(item);
    this.#pump();
  }

  cancel(item) {
    if (!isPending(item)) return;
    item.controller?.abort();
    clearTimeout(item.timer);
    this.#set(item, { state: "cancelled" });
    this.#pump();
  }

  remove(item) {
    this.cancel(item);
    URL.revokeObjectURL(item.url);
    this.items.splice(this.items.indexOf(item), 1);
    this.dispatchEvent(new CustomEvent("removed", { detail: item }));
  }

  #enqueue(item) {
    const tooLarge = item.file.size > this.#maxBytes;
    const problem = tooLarge ? new Problem("page.bytes") : null;
    this.#set(item, { state: tooLarge ? "failed" : "waiting", tries: 0, answer: null, problem });
  }

  #pump() {
    if (this.#models.isComing) return;
    const free = AT_A_TIME - this.items.filter((item) => item.state === "sending").length;
    const waiting = this.items.filter((item) => item.state === "waiting");
    for (const item of waiting.slice(0, Math.max(free, 0))) this.#send(item);
  }

  async #send(item) {
    const controller = new AbortController();
    this.#set(item, { state: "sending", controller, tries: item.tries + 1 });
    try {
      const answer = await predict(this.#models.path, item.file, controller.signal);
      // Kept with the answer, since another version with other labels may follow.
      answer.model = await this.#models.find(answer.body.model.digest);
      // An answer that comes after its image was cancelled, or sent again, is nobody's.
      if (item.controller === controller && item.state === "sending") this.#set(item, { state: "done", answer });
    } catch (error) {
      if (item.controller === controller && item.state === "sending") this.#fail(item, error);
    }
    this.#pump();
  }

  #fail(item, error) {
    if (!(error instanceof Problem)) {
      this.#set(item, { state: "failed", problem: new Problem("page.answer") });
      throw error;
    }
    const isUnready = error.code === "service.unready";
    if (isUnready) this.#models.refresh(); // what the page says of the model is no longer so
    const isHopeless = isUnready && this.#models.chosen?.state === "failed";
    if (isHopeless || !WORTH_TRYING_AGAIN.has(error.code) || item.tries >= MAX_TRIES) {
      this.#set(item, { state: "failed", problem: error });
      return;
    }
    const seconds = Math.min(Math.max(error.retryAfterS ?? 1, 1), MAX_RETRY_S);
    const timer = setTimeout(() => {
      this.#set(item, { state: "waiting" });
      this.#pump();
    }, seconds * 1000);
    this.#set(item, { state: "retrying", retryInS: seconds, timer });
  }

  #set(item, changes) {
    Object.assign(item, changes);
    this.dispatchEvent(new CustomEvent("changed", { detail: item }));
  }
}

export function isPending(item) {
  return ["waiting", "sending", "retrying"].includes(item.state);
}
