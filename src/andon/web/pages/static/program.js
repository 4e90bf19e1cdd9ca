/* Shows the lines that do the same from a program, for the chosen model and the selected image. */

import { byId } from "./dom.js";
import { addressOf, contentTypeOf } from "./service.js";
import { cppLines, csharpLines, curlLine, pythonLines } from "./snippets.js";
import { getToken } from "./token.js";

const WRITERS = { curl: curlLine, python: pythonLines, csharp: csharpLines, cpp: cppLines };
const EXAMPLE = new File([], "part.png", { type: "image/png" });

export function startProgram(models, list) {
  const show = () => showLines(models, list.selected?.file ?? EXAMPLE);
  models.addEventListener("change", show);
  list.addEventListener("selected", show);
  show();
}

function showLines(models, file) {
  const needsToken = getToken() !== "";
  const asked = {
    address: addressOf(models.path),
    baseAddress: addressOf(".").replace(/\/$/, ""),
    modelWords: models.words,
    fileName: file.name,
    contentType: contentTypeOf(file),
    needsToken,
  };
  for (const [tab, write] of Object.entries(WRITERS)) byId(`code-${tab}`).textContent = write(asked);
  for (const note of document.querySelectorAll(".needs-token")) note.hidden = !needsToken;
}
