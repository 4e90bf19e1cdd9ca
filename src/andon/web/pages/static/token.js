/* The token of the service: asked for where the service asks, kept for this tab only. */

import { byId } from "./dom.js";

const KEY = "andon.token";

export function getToken() {
  return sessionStorage.getItem(KEY) ?? "";
}

/* Whether it is known without asking that the service would refuse: a refusal would stand in the console. */
export function isTokenMissing() {
  return "needsToken" in document.body.dataset && getToken() === "";
}

export function askForToken() {
  byId("token-refused").hidden = getToken() === "";
  const form = byId("token");
  if (!form.hidden) return;
  form.hidden = false;
  byId("token-field").focus();
}

/* `onToken` is called with every token that is entered. */
export function startToken(onToken) {
  byId("token").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = byId("token-field");
    sessionStorage.setItem(KEY, field.value.trim());
    field.value = "";
    byId("token").hidden = true;
    onToken();
  });
}
