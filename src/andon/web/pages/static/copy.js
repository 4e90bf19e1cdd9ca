/* Copying a text: by the clipboard where the browser gives it, else by the selection. */

import { announce, byId } from "./dom.js";
import { say } from "./words.js";

const SHOWN_MS = 2000;

export async function copyText(text) {
  const isDone = await write(text);
  if (isDone) announce(say("program.copied"));
  return isDone;
}

/* Every button of the class `copy` copies the element that it names, and says so for a moment. */
export function startCopyButtons() {
  for (const button of document.querySelectorAll("button.copy")) {
    const words = button.querySelector("span");
    let timer = 0;
    button.addEventListener("click", async () => {
      const source = byId(button.dataset.copies);
      if (await copyText(source.textContent)) {
        words.textContent = say("program.copied");
      } else {
        select(source);
        words.textContent = say("program.copy_failed");
        announce(say("program.copy_failed"));
      }
      clearTimeout(timer);
      timer = setTimeout(() => {
        words.textContent = say("program.copy");
      }, SHOWN_MS);
    });
  }
}

/* Pages that came over plain http from elsewhere have no clipboard. */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function select(source) {
  getSelection().selectAllChildren(source);
}
