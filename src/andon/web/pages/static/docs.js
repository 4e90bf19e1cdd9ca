/* The description: commands for the address that the browser really asked, and buttons that copy them. */

import { startCopyButtons } from "./copy.js";

/* The service knows neither the prefix nor the https of a proxy before it; the browser does. */
const address = new URL(".", location.href).href.replace(/\/$/, "");
for (const command of document.querySelectorAll(".command code")) {
  command.textContent = command.textContent.replaceAll(document.body.dataset.baseUrl, address);
}
startCopyButtons();
