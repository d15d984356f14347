// Which view is shown, of which study; and the stream of events that keeps it up to date.
"use strict";
import { api, ask, h, link, moment, failed } from "./parts.js";
import { overview } from "./overview.js";
import { runs } from "./runs.js";
import { run } from "./run.js";
import { compare } from "./compare.js";
import { failures } from "./failures.js";

const VIEWS = { overview, runs, run, compare, failures };
const TABS = { overview: "Overview", runs: "Runs", compare: "Compare", failures: "Failures" };
const SCAN_SECONDS = 5;
const main = document.getElementById("main");
const live = document.getElementById("live");
let shown = null; // the view: { update(state), close() }
let stream = null, study = "", last = null;

function route() {
  return location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
}

function follow(name) {
  if (stream) stream.close();
  study = name;
  last = null;
  stream = new EventSource(api(name, "events"));
  stream.onmessage = (event) => {
    last = JSON.parse(event.data);
    live.className = "";
    live.textContent = `as of ${moment(last.at)}`;
    if (shown && shown.update) shown.update(last);
  };
  stream.onerror = () => {
    live.className = "lost";
    live.textContent = "no answer: is `quadrat ui` still running? Trying again …";
  };
}

function head(name, view) {
  document.getElementById("title").textContent = name;
  document.title = `${name}: ${TABS[view] || "Run"}`;
  document.getElementById("views").replaceChildren(...Object.entries(TABS).map(([one, text]) =>
    h("a", { href: link(name, one), "aria-current": one === view ? "page" : null }, text)));
}

async function go() {
  const told = await ask("api/studies");
  const names = told.studies.map((one) => one.study);
  const label = document.getElementById("studies"), choice = label.querySelector("select");
  label.hidden = names.length < 2;
  choice.replaceChildren(...names.map((one) => h("option", { value: one }, one)));
  if (!names.length) {
    const notes = Object.values(told.notes);
    main.replaceChildren(h("p", {}, "Nothing was run yet in ", h("code", {}, told.store), ". This page shows the first sweep as soon as it begins."),
      ...notes.map((note) => h("p", { class: "error" }, note)));
    setTimeout(show, SCAN_SECONDS * 1000);
    return;
  }
  const [wanted, view = "overview", ...rest] = route();
  const name = names.includes(wanted) ? wanted : names[0];
  choice.value = name;
  const about = told.studies[names.indexOf(name)];
  if (name !== study) follow(name);
  if (shown && shown.close) shown.close();
  shown = null;
  head(name, view);
  main.replaceChildren();
  const note = told.notes[name];
  if (note) main.append(h("p", { class: "error", role: "alert" }, note));
  const place = main.appendChild(h("div"));
  shown = await (VIEWS[view] || overview)({ study: name, command: about.command, place, rest });
  if (shown && shown.update && last) shown.update(last);
}

async function show() {
  try {
    await go();
  } catch (error) {
    failed(main, error);
  }
}

document.querySelector("#studies select").addEventListener("change", (event) => {
  location.hash = link(event.target.value, "overview");
});
window.addEventListener("hashchange", async () => {
  await show();
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
});
show();
