/* Tabs: the arrow keys move between them, and the one that has the focus is the one that is shown. */

import { byId } from "./dom.js";

export function startTabs(tablist) {
  const tabs = [...tablist.querySelectorAll("[role=tab]")];
  const show = (shown) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === shown));
      tab.tabIndex = tab === shown ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = tab !== shown;
    }
  };
  for (const tab of tabs) tab.addEventListener("click", () => show(tab));
  tablist.addEventListener("keydown", (event) => {
    const place = tabs.indexOf(event.target);
    const moves = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 };
    if (place < 0 || !(event.key in moves)) return;
    event.preventDefault();
    const next = tabs[(moves[event.key] + tabs.length) % tabs.length];
    show(next);
    next.focus();
  });
}
