/* Which models are served, and which of them is chosen. Asks again while one is loading. */

import { getModels } from "./service.js";

const POLL_MS = 1000;

export class Models extends EventTarget {
  list = [];
  problem = null;
  isKnown = false;
  /* A place, not a name: while a model loads it may go by the name of its file. */
  #place = null;
  #timer = 0;
  #asking = null;

  get place() {
    return this.#place ?? 0;
  }

  get chosen() {
    return this.list[this.place] ?? this.list[0] ?? null;
  }

  /* Whether the service waits for the token. */
  get isLocked() {
    return this.problem?.code === "request.token";
  }

  /* Whether it makes sense to wait before an image is sent. */
  get isComing() {
    return !this.isKnown || this.isLocked || this.chosen?.state === "loading";
  }

  choose(place) {
    this.#place = place;
    this.#changed();
  }

  /* What names the chosen model: nothing while there is none, and its version only where the name is not enough. */
  get words() {
    if (!this.chosen) return [];
    const { name, version } = this.chosen;
    const isUnique = this.list.filter((model) => model.name === name).length === 1;
    return isUnique ? [name] : [name, version];
  }

  /* Where to send images for the chosen model. */
  get path() {
    return ["predict", ...this.words].map(escaped).join("/");
  }

  /* Give a model that has answered; nothing where the service does not tell of it. */
  async find(digest) {
    const find = () => this.list.find((model) => model.digest === digest);
    if (!find()) await this.refresh(); // it was put in the place of one that the page knows
    return find() ?? null;
  }

  /* Ask the service; one question at a time. */
  refresh() {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask() {
    clearTimeout(this.#timer);
    try {
      const body = await getModels();
      this.list = body.models;
      this.#place ??= Math.max(this.list.findIndex((model) => model.name === body.default), 0);
      this.problem = null;
    } catch (problem) {
      this.problem = problem;
    }
    this.isKnown = true;
    if (!this.problem && this.list.some((model) => model.state === "loading")) {
      this.#timer = setTimeout(() => this.refresh(), POLL_MS);
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/* Also what encodeURIComponent leaves, since the address stands within quotes of four languages. */
function escaped(name) {
  return encodeURIComponent(name).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
