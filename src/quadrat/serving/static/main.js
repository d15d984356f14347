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
const AGAIN_SECONDS = 5;
const main = document.getElementById("main");
const live = document.getElementById("live");
let shown = null; // the view: { update(state), close() }
let stream = null, study = "", last = null, names = [], turns = 0, waiting = null;

function route() {
  return location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
}

// A browser has six connections to a host: a page that nobody sees gives its own back.
function follow() {
  if (stream) stream.close();
  stream = null;
  if (!study || document.hidden) return;
  stream = new EventSource(api(study, "events"));
  stream.onmessage = (event) => heard(JSON.parse(event.data));
  stream.onerror = () => {
    live.className = "lost";
    live.textContent = "no answer: is `quadrat ui` still running? Trying again …";
    if (stream.readyState === EventSource.CLOSED) again(); // it was refused, and does not try by itself
  };
}

function again() {
  if (waiting === null) waiting = setTimeout(() => { waiting = null; show(); }, AGAIN_SECONDS * 1000);
}

function heard(state) {
  last = state;
  live.className = "";
  live.textContent = `as of ${moment(last.at)}`;
  if (state.studies.join() !== [...names].sort().join()) ask("api/studies").then(choose, () => {});
  if (shown && shown.update) shown.update(last);
}

function choose(told) {
  names = told.studies.map((one) => one.study);
  const label = document.getElementById("studies"), choice = label.querySelector("select");
  label.hidden = names.length < 2;
  choice.replaceChildren(...names.map((one) => h("option", { value: one, selected: one === study }, one)));
}

function head(name, view) {
  document.getElementById("title").textContent = name;
  document.title = `${name}: ${TABS[view] || "Run"}`;
  document.getElementById("views").replaceChildren(...Object.entries(TABS).map(([one, text]) =>
    h("a", { href: link(name, one), "aria-current": one === view ? "page" : null }, text)));
}

function nothing(told) {
  main.replaceChildren(h("p", {}, "Nothing was run yet in ", h("code", {}, told.store), ". This page shows the first sweep as soon as it begins."),
    ...Object.values(told.notes).map((note) => h("p", { class: "error" }, note)));
  again();
}

async function go(turn) {
  const told = await ask("api/studies");
  if (turn !== turns) return;
  choose(told);
  if (!names.length) {
    nothing(told);
    return;
  }
  const [wanted, view = "overview", ...rest] = route();
  const name = names.includes(wanted) ? wanted : names[0];
  const about = told.studies[names.indexOf(name)];
  if (name !== study) last = null;
  study = name;
  choose(told);
  if (last === null || !stream || stream.readyState === EventSource.CLOSED) follow();
  if (shown && shown.close) shown.close();
  shown = null;
  head(name, view);
  main.replaceChildren();
  const note = told.notes[name];
  if (note) main.append(h("p", { class: "error", role: "alert" }, note));
  const place = main.appendChild(h("div"));
  const made = await (VIEWS[view] || overview)({ study: name, command: about.command, place, rest });
  if (turn !== turns) { // the reader has gone elsewhere meanwhile
    if (made && made.close) made.close();
    return;
  }
  shown = made;
  if (shown && shown.update && last) shown.update(last);
}

async function show() {
  const turn = ++turns;
  try {
    await go(turn);
  } catch (error) {
    if (turn !== turns) return;
    failed(main, error);
    if (!stream) again();
  }
}

document.querySelector("#studies select").addEventListener("change", (event) => {
  location.hash = link(event.target.value, "overview");
});
document.addEventListener("visibilitychange", follow);
window.addEventListener("hashchange", async () => {
  await show();
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
});
show();
