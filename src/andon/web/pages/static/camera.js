/* Pictures from a camera: it runs only between a press on start and one on stop. */

import { byId, showText } from "./dom.js";
import { say } from "./words.js";

const WANTED = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1080 } } };
const WORDS_OF_ERROR = {
  InsecureError: "camera.error.insecure",
  NotAllowedError: "camera.error.denied",
  SecurityError: "camera.error.denied",
  NotFoundError: "camera.error.none",
  OverconstrainedError: "camera.error.none",
};

let stream = null;
let attempt = 0;
let pictureCount = 0;

/* `take` is called with a list of one file for each picture. */
export function startCameraButtons(take) {
  byId("camera-start").addEventListener("click", open);
  byId("camera-stop").addEventListener("click", () => close());
  byId("camera-take").addEventListener("click", async () => take([await picture()]));
  window.addEventListener("pagehide", () => close());
}

async function open() {
  const own = ++attempt;
  setOpen(true);
  showText(byId("camera-said"), say("camera.starting"));
  try {
    const opened = await askForCamera();
    if (own !== attempt) return stopTracks(opened); // it was closed while the browser asked for permission
    stream = opened;
    byId("camera-view").srcObject = stream;
    await byId("camera-view").play();
    byId("camera-view").hidden = false;
    byId("camera-take").disabled = false;
    byId("camera-take").focus();
    showText(byId("camera-said"), "");
  } catch (error) {
    if (own === attempt) close(say(WORDS_OF_ERROR[error.name] ?? "camera.error.busy"));
  }
}

/* Browsers hide the camera altogether from pages that came over plain http from elsewhere. */
function askForCamera() {
  if (!navigator.mediaDevices) throw new DOMException("no secure context", "InsecureError");
  return navigator.mediaDevices.getUserMedia(WANTED);
}

function close(reason = "") {
  attempt += 1;
  if (stream) stopTracks(stream);
  stream = null;
  byId("camera-view").srcObject = null;
  byId("camera-view").hidden = true;
  byId("camera-take").disabled = true;
  showText(byId("camera-said"), reason);
  setOpen(false);
}

function stopTracks(opened) {
  for (const track of opened.getTracks()) track.stop();
}

function setOpen(isOpen) {
  const hadFocus = document.activeElement === byId("camera-start") || byId("camera").contains(document.activeElement);
  byId("camera").hidden = !isOpen;
  byId("camera-start").hidden = isOpen;
  if (hadFocus) byId(isOpen ? "camera-stop" : "camera-start").focus();
}

/* PNG, since JPEG would change what the model gets to see. */
async function picture() {
  const view = byId("camera-view");
  const canvas = new OffscreenCanvas(view.videoWidth, view.videoHeight);
  canvas.getContext("2d").drawImage(view, 0, 0);
  const image = await canvas.convertToBlob({ type: "image/png" });
  pictureCount += 1;
  return new File([image], `${say("camera.name", { number: pictureCount })}.png`, { type: "image/png" });
}
