// SPDX-License-Identifier: Apache-2.0
// Texts in the page's language, by the catalogue that the server put into the page.
"use strict";

const CATALOGUE = JSON.parse(document.getElementById("catalogue").textContent);
const TEMPLATES = Object.entries(CATALOGUE)
  .filter(([key]) => /\{\w+\}/.test(key))
  .sort(([a], [b]) => b.replace(/\{\w+\}/g, "").length - a.replace(/\{\w+\}/g, "").length)
  .map(([key, value]) => [
    new RegExp(`^${key.split(/(\{\w+\})/).map((part) => /^\{\w+\}$/.test(part)
      ? `(?<${part.slice(1, -1)}>.+?)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("")}$`, "s"),
    value,
  ]);

// As `thermal_pose/language.py`: a known text, a known sentence with figures, or sentence by sentence.
function say(text) {
  if (Object.hasOwn(CATALOGUE, text)) return CATALOGUE[text];
  for (const [pattern, template] of TEMPLATES) {
    const match = pattern.exec(text);
    if (match) return template.replace(/\{(\w+)\}/g, (mark, name) => say(match.groups[name]));
  }
  const sentences = text.split(/(?<=[.?!]) (?=\S)/);
  if (sentences.length > 1) return sentences.map(say).join(" ");
  return /^[-+±−]?\d+\.\d+$/.test(text) ? text.replace(".", CATALOGUE["."] ?? ".") : text;
}

// A number as the language writes it.
function fixed(value, decimals) { return say(value.toFixed(decimals)); }

// Local date and time as the language writes them, by the form that reports have.
function written(when) {
  const parts = { Y: when.getFullYear(), m: when.getMonth() + 1, d: when.getDate(), H: when.getHours(), M: when.getMinutes() };
  return say("%Y-%m-%d %H:%M").replace(/%(\w)/g, (mark, name) => String(parts[name]).padStart(2, "0"));
}

const languageList = document.getElementById("language");
languageList.addEventListener("change", () => {
  document.cookie = `thermal_pose_language=${languageList.value}; path=/; max-age=31536000; samesite=strict`;
  location.reload();
});
