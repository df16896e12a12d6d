// Search the sections of all pages. A section is found by its title, its terms (site/terms.json),
// the title of its page, and its text.
"use strict";

const MOST = 20; // results
const LENGTH = 180; // characters of an excerpt
const COMMON = new Set(
  ("a about after all am an and another any are as at be because been before but by can come could "
    + "did do does doing for from get gets go had has have how i if in into is it its just me much my "
    + "need not of on one or our should so some such than that the their them then there these they "
    + "this to two use used using very want was we were what when where which while who why will "
    + "with would you your").split(" "));
const WEIGHT = { core: 1.25, deeper: 0.95, API: 0.55, glossary: 1.1, guide: 0.9, log: 0.4 };
// Whoever writes a name as it stands in code, such as discounted_returns or PGPolicy, looks for it.
const NAME = /\w_\w|\w\.\w|[a-z][A-Z]|[A-Z]{2}[a-z]/;
const WEIGHT_OF_NAMES = { ...WEIGHT, API: 0.85 };

// Return the form under which a word is kept: small letters and the stem, so that "clipping" finds
// "clipped"; null for a common word. The stemmer is Snowball's, which Sphinx brings along.
function termOf(stemmer, word) {
  const small = word.toLowerCase().replace("γ", "gamma").replace("σ", "sigma");
  if (COMMON.has(small)) return null;
  return /^[a-z]+$/.test(small) ? stemmer.stemWord(small) : small;
}

function makeSearch(MiniSearch, stemmer, sections) {
  const search = new MiniSearch({
    fields: ["title", "terms", "page", "text"],
    storeFields: ["title", "page", "url", "kind", "text"],
    idField: "url",
    processTerm: (word) => termOf(stemmer, word),
    tokenize: (text) => text.split(/[^\p{L}\p{N}_]+/u).flatMap(
      (word) => (word.includes("_") ? [word, ...word.split("_")] : [word])).filter(Boolean),
    searchOptions: {
      boost: { title: 3, terms: 4, page: 1.2, text: 1 },
      prefix: (term) => term.length > 3,
      fuzzy: (term) => (term.length > 5 ? 0.15 : false),
      weights: { prefix: 0.3, fuzzy: 0.2 },
    },
  });
  search.addAll(sections);
  return (query) => {
    const weight = NAME.test(query) ? WEIGHT_OF_NAMES : WEIGHT;
    const boostDocument = (id, term, stored) => weight[stored.kind];
    return search.search(query, { boostDocument }).slice(0, MOST);
  };
}

// Return the part of a text around the first word of the query.
function excerpt(text, terms) {
  const places = terms.map((term) => text.toLowerCase().indexOf(term)).filter((at) => at >= 0);
  const start = Math.max(0, Math.min(...places, text.length) - 60);
  const from = places.length && start > 0 ? text.indexOf(" ", start) + 1 : 0;
  const part = text.slice(from, from + LENGTH);
  const whole = text.length <= from + LENGTH;
  return (from > 0 ? "… " : "") + (whole ? part : `${part.replace(/\s\S*$/, "")} …`);
}

function showResults(results, query) {
  const list = document.getElementById("search-results");
  list.replaceChildren(...results.map((found) => {
    const item = document.createElement("li");
    const link = Object.assign(document.createElement("a"), { href: found.url, textContent: found.title });
    const page = Object.assign(document.createElement("span"), { className: "search-page", textContent: found.page });
    const text = Object.assign(document.createElement("p"), { textContent: excerpt(found.text, found.terms) });
    item.append(link, page, text);
    return item;
  }));
  const said = results.length ? `The first ${results.length} sections for “${query}”.` : `Nothing was found for “${query}”. Try fewer words, or other ones.`;
  document.getElementById("search-status").textContent = query ? said : "";
}

if (typeof module === "object") {
  module.exports = { makeSearch };
} else {
  window.addEventListener("DOMContentLoaded", () => {
    const field = document.querySelector(".search-form input");
    const search = makeSearch(window.MiniSearch, new EnglishStemmer(), window.SEARCH_SECTIONS);
    const run = () => showResults(field.value.trim() ? search(field.value) : [], field.value.trim());
    field.value = new URLSearchParams(location.search).get("q") ?? "";
    field.addEventListener("input", run);
    field.focus();
    run();
  });
}
