/* Making elements. Text only ever becomes text: nothing here can turn a label or a file name into HTML. */

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

/* Properties go to the element as they are, except `attributes` and `on`, which hold attributes and listeners. */
export function element(tag, { attributes = {}, on = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function drawn(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function icon(name, kind = "") {
  const use = drawn("use", { href: `#icon-${name}` });
  return drawn("svg", { class: `icon ${kind}`.trim(), "aria-hidden": "true" }, use);
}

const SHORTEST = 0.004; // of a bar that is not empty, so that it can be seen

/* A bar from `start` of length `length`, both 0-1. Drawn as SVG, since the page's policy forbids inline styles. */
export function bar(start, length, kind) {
  const shown = length > 0 ? Math.min(Math.max(length, SHORTEST), 1) : 0;
  const percent = (part) => `${(100 * part).toFixed(2)}%`;
  return drawn(
    "svg",
    { class: "bar", "aria-hidden": "true" },
    drawn("rect", { class: "track", width: "100%", height: "100%" }),
    drawn("rect", { class: kind, x: percent(Math.min(start, 1 - shown)), width: percent(shown), height: "100%" }),
  );
}

export function button(text, listener, kind = "") {
  return element("button", { type: "button", className: kind, textContent: text, on: { click: listener } });
}

/* Say something to people who listen to the page. */
export function announce(text) {
  byId("announcer").textContent = text;
}

export function showText(place, text) {
  place.textContent = text;
  place.hidden = text === "";
}
