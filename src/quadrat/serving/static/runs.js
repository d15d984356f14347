// The table of a task's runs: paged, sorted and filtered by the server.
"use strict";
import { api, ask, count, duration, exact, h, link, moment, number, runLink, state, whenChanged } from "./parts.js";

const ROWS = 50;
const AGAIN_SECONDS = 3;

export async function runs({ study, place, rest }) {
  const rows = (task) => ask(api(study, "tasks", task, "rows"), [["count", ROWS]]);
  const [told, known] = await Promise.all([ask(api(study, "state")), rest[0] ? rows(rest[0]) : null]);
  const names = told.tasks.map((one) => one.task);
  const task = names.includes(rest[0]) ? rest[0] : names[names.length - 1];
  const choice = h("select", {}, ...names.map((one) => h("option", { value: one, selected: one === task }, one)));
  choice.addEventListener("change", () => { location.hash = link(study, "runs", choice.value); });
  const words = h("input", { type: "search", id: "words" });
  const found = h("span", { class: "soft", id: "matching", role: "status" });
  const same = h("p", { class: "soft" }), element = h("div", { id: "runs" });
  const pager = h("div", { class: "tabulator-footer", id: "pages" }); // outside of the grid, which may hold rows only
  place.append(h("div", { class: "controls" }, h("label", {}, "Task ", choice), h("label", {}, "With the words ", words), found),
    h("p", { class: "soft" }, "Below a heading: ", h("code", {}, "0.1"), ", ", h("code", {}, "1,2,3"), ", ", h("code", {}, "<0.5"), ", ", h("code", {}, "!=a"),
      ". A click on a heading sorts, with Shift by several."), same, element, h("div", { class: "tabulator pages" }, pager));
  const first = known && task === rest[0] ? known : await rows(task);
  const constant = first.columns.filter((one) => one.same);
  if (constant.length && first.rows.length) same.textContent = `Same in every row: ${constant.map((one) => `${one.name}=${exact(first.rows[0][one.name])}`).join(", ")}`;
  const grid = build({ study, task, element, pager, words, found, first, columns: first.columns.filter((one) => !one.same) });
  return keep(grid, told.version, words);
}

// Ask for the rows again when something has happened, and when other words are looked for.
function keep(grid, version, words) {
  let timer = null, ready = false;
  grid.on("tableBuilt", () => {
    ready = true;
    // A grid holds rows, as readers of screens know it: what scrolls them is no place to stop at. Headings are.
    grid.element.querySelector(".tabulator-tableholder").removeAttribute("tabindex");
    for (const head of grid.element.querySelectorAll(".tabulator-col")) sortable(head);
  });
  const changed = whenChanged(AGAIN_SECONDS, () => (ready && !editing() ? again(grid) : false), version);
  words.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => { if (ready) grid.setPage(1); }, 200); });
  return {
    update: changed.update,
    close() {
      changed.close();
      clearTimeout(timer);
      grid.destroy();
    },
  };
}

const editing = () => document.activeElement instanceof HTMLInputElement && document.activeElement.closest(".tabulator-header") !== null;

function sortable(head) {
  head.tabIndex = 0;
  head.addEventListener("keydown", (event) => {
    if (event.target !== head || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    head.click();
  });
}

// The rows anew, with the reader where they were.
async function again(grid) {
  const at = window.scrollY, focused = document.activeElement.getAttribute("href");
  grid.element.style.minHeight = `${grid.element.offsetHeight}px`;
  await grid.replaceData();
  const found = focused && grid.element.querySelector(`a[href="${CSS.escape(focused)}"]`);
  if (found) found.focus({ preventScroll: true });
  window.scrollTo(0, at);
  grid.element.style.minHeight = "";
}

function build({ study, task, element, pager, words, found, first, columns }) {
  const plain = (given) => given.page === 1 && given.size === ROWS && !given.sort.length && !given.filter.length && !words.value;
  let known = first; // the first page is there already
  return new Tabulator(element, {
    columns: columns.map((one) => column(study, one)),
    nestedFieldSeparator: false, // names with dots are no paths
    layout: "fitDataFill",
    placeholder: "No run passes.",
    pagination: true, paginationElement: pager, paginationMode: "remote", paginationSize: ROWS, paginationSizeSelector: [20, 50, 100, 500],
    sortMode: "remote", filterMode: "remote", headerFilterLiveFilterDelay: 300, columnDefaults: { headerSortTristate: true },
    ajaxURL: api(study, "tasks", task, "rows"),
    ajaxRequestFunc: async (url, config, given) => {
      const query = [["first", (given.page - 1) * given.size], ["count", given.size], ["words", words.value]];
      for (const one of [...given.sort].reverse()) query.push(["sort", `${one.field}:${one.dir}`]);
      for (const one of given.filter) query.push(["filter", `${one.field}:${one.value}`]);
      try {
        const told = known && plain(given) ? known : await ask(url, query);
        known = null;
        found.textContent = told.matching === told.total ? `${count(told.total)} runs` : `${count(told.matching)} of ${count(told.total)} runs`;
        return { last_page: Math.max(1, Math.ceil(told.matching / given.size)), last_row: told.matching, data: told.rows };
      } catch (error) {
        found.textContent = error.message;
        return { last_page: 1, last_row: 0, data: [] };
      }
    },
  });
}

function column(study, one) {
  const title = () => h("span", { title: one.text || one.name }, one.name);
  return {
    title: "", field: one.name, titleFormatter: title, hozAlign: one.number ? "right" : "left", headerFilter: one.kind === "time" && one.name.startsWith("started") ? false : "input",
    headerFilterParams: { elementAttributes: { "aria-label": `filter ${one.name}` } }, headerFilterPlaceholder: " ", minWidth: 70, maxWidth: 340, formatter: (cell) => told(study, one, cell.getValue()),
    headerSortStartingDir: one.kind === "metric" ? "desc" : "asc",
  };
}

function told(study, one, value) {
  if (one.kind === "run") return runLink(study, value);
  if (one.kind === "state") return state(value);
  if (one.kind === "time") return document.createTextNode(one.name.startsWith("seconds") ? duration(value) : moment(value));
  if (one.kind !== "metric") return document.createTextNode(exact(value));
  const text = number(value);
  return h("span", { title: typeof value === "number" && String(value) !== text ? String(value) : null }, text);
}
