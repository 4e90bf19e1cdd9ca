/* Puts the parts of the page together. */

import { startCameraButtons } from "./camera.js";
import { startCopyButtons } from "./copy.js";
import { startDetail } from "./detail.js";
import { byId, showText } from "./dom.js";
import { maxImageBytes } from "./explain.js";
import { formatBytes } from "./format.js";
import { startIntake } from "./intake.js";
import { List } from "./list.js";
import { startModelCard } from "./model_card.js";
import { Models } from "./models.js";
import { startProgram } from "./program.js";
import { Queue } from "./queue.js";
import { startTabs } from "./tabs.js";
import { askForToken, startToken } from "./token.js";
import { say } from "./words.js";

const models = new Models();
const queue = new Queue(models, maxImageBytes);
const list = new List(queue);

/* Whether an image failed for want of the token. */
function wasLocked(item) {
  return item.state === "failed" && item.problem.code === "request.token";
}

function take(files) {
  const [first] = queue.add(files);
  list.select(first);
}

queue.addEventListener("changed", ({ detail: item }) => {
  if (wasLocked(item)) askForToken();
});
models.addEventListener("change", () => {
  if (models.isLocked) askForToken();
});

showText(byId("intake-explain"), say("intake.explain", { limit: formatBytes(maxImageBytes) }));
startIntake(take);
startCameraButtons(take);
startModelCard(models);
startDetail(list, queue);
startProgram(models, list);
startTabs(byId("tabs"));
startCopyButtons();
startToken(async () => {
  await models.refresh();
  if (!models.isLocked) queue.items.filter(wasLocked).forEach((item) => queue.again(item));
});
models.refresh();
