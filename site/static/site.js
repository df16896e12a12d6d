// What moves on a page: sliders over frames, fields for guesses and answers, boxes that scroll.
"use strict";

// --- Figures with sliders. A strip holds all frames, one below the other; the frame shows one.
function setUpFigure(figure) {
  const image = figure.querySelector("img");
  const sliders = [...figure.querySelectorAll("input")];
  const show = (frame) => {
    image.style.transform = `translateY(${(-100 * frame) / image.dataset.frames}%)`;
    image.dataset.shown = frame;
  };
  const say = (slider) => {
    const value = JSON.parse(slider.dataset.values)[slider.value];
    slider.setAttribute("aria-valuetext", value);
    slider.parentElement.querySelector("output").textContent = value;
  };
  for (const slider of sliders) {
    slider.value = slider.dataset.start; // a browser may remember an old position
    slider.addEventListener("input", () => {
      for (const other of sliders) {
        if (other !== slider) {
          other.value = other.dataset.start;
          say(other);
        }
      }
      say(slider);
      show(JSON.parse(slider.dataset.frames)[slider.value]);
    });
    say(slider);
  }
  show(0);
}

// --- Guesses and answers, compared as pg_edu.course does: see guesses.py and comparing.py.
const EQUAL = 0.005; // of the larger number
const CLOSE = 0.2;

// Return a number, a nested list of numbers, or null: "9/4", "1, 2", "(3,)", "[5], [5, 3]".
function parse(text) {
  const plain = text
    .replace(/\(/g, "[")
    .replace(/\)/g, "]")
    .replace(/−/g, "-")
    .replace(/%/g, "")
    .replace(/,\s*\]/g, "]") // the comma of (3,)
    .replace(/(^|[^\d])\.(\d)/g, "$10.$2") // .5
    .replace(/(\d)\.(?!\d)/g, "$1") // 5.
    .replace(/(-?[\d.]+)\s*\/\s*([\d.]+)/g, (_, a, b) => a / b);
  if (!/^[\d\s.,[\]eE+-]+$/.test(plain)) return null;
  for (const candidate of [plain, `[${plain}]`]) {
    try {
      return JSON.parse(candidate);
    } catch {
      // The next form may fit: "1, 2" is a list without its brackets.
    }
  }
  return null;
}

const shape = (value) => (Array.isArray(value) ? `[${value.map(shape)}]` : ".");
const numbers = (value) => [value].flat(Infinity).map(Number);
const largest = (value) => Math.max(0, ...numbers(value).map(Math.abs));

function distance(a, b) {
  const other = numbers(b);
  return Math.max(0, ...numbers(a).map((x, i) => Math.abs(x - other[i])));
}

function compareGuess(text, answer) {
  if (typeof answer.value === "string") {
    const word = text.trim().replace(/^["']|["']$/g, "").toLowerCase();
    return word === answer.value.toLowerCase()
      ? `Yes: it is ${answer.shown}.`
      : `Not quite: you guessed ${text.trim()}, and it is ${answer.shown}.`;
  }
  const given = parse(text);
  if (given === null) return "Write a number, such as 2.5 or 9/4, or a list of numbers.";
  let mark = "Not quite";
  if (shape(given) === shape(answer.value)) {
    const size = Math.max(largest(given), largest(answer.value));
    const far = distance(given, answer.value);
    if (far <= EQUAL * size) return `Yes: it is ${answer.shown}.`;
    if (!Array.isArray(answer.value) && far <= CLOSE * size) mark = "Close";
  }
  return `${mark}: you guessed ${text.trim()}, and it is ${answer.shown}.`;
}

function sameValue(given, value, decimals) {
  if (Array.isArray(given) && !Array.isArray(value) && given.length === 1) given = given[0];
  if (shape(given) !== shape(value)) return false;
  const allowed = decimals === null ? 1e-9 * largest(value) : 0.5 * 10 ** -decimals * (1 + 1e-6);
  return distance(given, value) <= allowed;
}

function checkExercise(text, exercise) {
  const given = parse(text);
  if (given === null) return "Write a number, such as 2.5 or 9/4, or a list of numbers.";
  if (sameValue(given, exercise.value, exercise.decimals)) return "✓ correct";
  const known = exercise.wrong.find((w) => sameValue(given, w.value, exercise.decimals));
  if (known) return `✗ ${known.diagnosis}`;
  if (shape(given) !== shape(exercise.value)) return "✗ Not that many numbers, or not in that form.";
  return "✗ Not yet. The hints are below.";
}

function setUpForm(form) {
  const compare = form.dataset.kind === "guess" ? compareGuess : checkExercise;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = form.querySelector("input").value;
    const answer = JSON.parse(form.dataset.answer);
    const result = text.trim() ? compare(text, answer) : "Write something into the field first.";
    form.querySelector("[role=status]").textContent = result;
  });
}

// --- A box that scrolls can be reached by keyboard. A formula in a line scrolls if it is too long.
function makeScrollable() {
  for (const formula of document.querySelectorAll("article mjx-container:not([display=true])")) {
    const room = formula.closest("p, li, td, dd, figcaption, summary, h1, h2, h3")?.clientWidth;
    if (room && formula.getBoundingClientRect().width > room && !formula.closest("table")) {
      formula.classList.add("long");
      formula.tabIndex = 0;
    }
  }
  const boxes = "pre, div.math, mjx-container[display=true], .pst-scrollable-table-container, .scroll";
  for (const box of document.querySelectorAll(boxes)) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.tabIndex = 0;
  }
}

// --- A browser may break a line between a formula and the comma after it, or the bracket before it.
function keepPunctuation() {
  for (const formula of document.querySelectorAll("article span.math")) {
    const { previousSibling: left, nextSibling: right } = formula;
    const before = /[([“]+$/.exec(left?.data ?? "")?.[0] ?? "";
    const after = /^[.,;:!?)\]”’]+/.exec(right?.data ?? "")?.[0] ?? "";
    if ((before || after) && formula.parentElement.clientWidth > formula.offsetWidth + 40) {
      const together = Object.assign(document.createElement("span"), { className: "no-break" });
      if (before) left.data = left.data.slice(0, -before.length);
      if (after) right.data = right.data.slice(after.length);
      formula.replaceWith(together);
      together.append(before, formula, after);
    }
  }
}

// --- A page that was opened once works offline.
function keepOffline() {
  if (!("serviceWorker" in navigator) || location.protocol === "file:") return;
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
  navigator.serviceWorker.register(new URL("sw.js", root), { scope: root.pathname });
  navigator.serviceWorker.ready.then((registration) => {
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
    const own = loaded.filter((name) => name.startsWith(location.origin));
    registration.active.postMessage([location.href.split("#")[0], ...own]);
  });
}

window.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".play").forEach(setUpFigure);
  document.querySelectorAll("form.answer-form").forEach(setUpForm);
  for (const fold of document.querySelectorAll("nav summary")) {
    fold.setAttribute("aria-label", "Pages below this one");
  }
  for (const table of document.querySelectorAll("article table")) {
    if (table.parentElement.classList.contains("pst-scrollable-table-container")) continue;
    const box = document.createElement("div");
    box.className = "scroll";
    table.replaceWith(box);
    box.append(table);
  }
});
window.addEventListener("load", () => {
  const typeset = window.MathJax?.startup?.promise ?? Promise.resolve();
  typeset.then(() => document.fonts.ready).then(() => {
    keepPunctuation();
    makeScrollable();
    document.documentElement.dataset.ready = "true";
    keepOffline();
  });
});
window.addEventListener("resize", makeScrollable);
