/* The words of the page's language, which the server sends with the page. */

const words = JSON.parse(document.getElementById("words").textContent);

/* The service writes its sentences in English; they are shown only where the page is in English too. */
export const isEnglish = document.documentElement.lang === "en";

export function hasWords(key) {
  return Object.hasOwn(words, key);
}

export function say(key, values = {}) {
  if (!hasWords(key)) throw new Error(`there are no words for ${key}`);
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
