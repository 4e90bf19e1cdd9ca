/* What was found, drawn over the image. */

import { drawn, element } from "./dom.js";
import { formatScore } from "./format.js";
import { say } from "./words.js";

const SMALLEST = 0.02; // of the longer side: a defect of a few pixels would not be seen in a large image, nor its frame

export function places({ url, alt, boxes, orientation }) {
  const image = element("img", { src: url, alt });
  // The model has not turned it, so the browser must not either.
  if (orientation === "stored") image.className = "as-stored";
  const figure = element("div", { className: "found" }, image);
  const block = element("div", { className: "block" }, heading(boxes.length), figure);
  image.addEventListener("error", () => block.remove());
  image.addEventListener("load", () => figure.append(frames(boxes, ...sizeOf(image))));
  return block;
}

/* Width and height in pixels as it is shown; the natural ones are always those of the image turned. */
function sizeOf(image) {
  const { naturalWidth: width, naturalHeight: height, clientWidth: across, clientHeight: down } = image;
  return width > height === across > down ? [width, height] : [height, width];
}

function heading(number) {
  return element("h3", { className: "found-heading", textContent: say("detail.places", { number }) });
}

/* The drawing is fitted into its place as the image is, so that their pixels lie upon each other. */
function frames(boxes, width, height) {
  const smallest = SMALLEST * Math.max(width, height);
  const all = boxes.map((box) => frame(box, smallest));
  return drawn("svg", { class: "boxes", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...all);
}

function frame({ x, y, width, height, label, score }, smallest) {
  const [across, down] = [width, height].map((side) => Math.max(0, smallest - side) / 2);
  const place = { x: x - across, y: y - down, width: width + 2 * across, height: height + 2 * down };
  return drawn("rect", place, drawn("title", {}, `${label} ${formatScore(score)}`));
}
