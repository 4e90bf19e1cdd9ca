/* The ways in which images come to the page: dropped, chosen, pasted. The camera is another module. */

import { byId, showText } from "./dom.js";
import { say } from "./words.js";

/* `take` is called with the files, of which there is at least one. */
export function startIntake(take) {
  const files = byId("files");
  byId("drop").addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    offer(files.files, take);
    files.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => {
    const pasted = [...event.clipboardData.files];
    if (pasted.length === 0 && event.target.matches?.("input")) return;
    event.preventDefault();
    offer(pasted.map(named), take);
  });
  startDropping(take);
}

/* The whole window takes what is dropped: a near miss must not make the browser leave the page for the image. */
function startDropping(take) {
  let depth = 0;
  const hover = (change) => {
    depth = Math.max(depth + change, 0);
    byId("drop").classList.toggle("hovered", depth > 0);
    byId("drop-words").textContent = say(depth > 0 ? "intake.let_go" : "intake.drop");
  };
  document.addEventListener("dragenter", () => hover(1));
  document.addEventListener("dragleave", () => hover(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    hover(-depth);
    offer(event.dataTransfer.files, take);
  });
}

function offer(files, take) {
  showText(byId("intake-said"), files.length > 0 ? "" : say("intake.no_file"));
  if (files.length > 0) take([...files]);
}

/* Browsers call every image from the clipboard image.png; a number tells them apart. */
let pastedCount = 0;
function named(file) {
  if (file.name !== "image.png") return file;
  pastedCount += 1;
  return new File([file], `${say("intake.pasted", { number: pastedCount })}.png`, { type: file.type });
}
