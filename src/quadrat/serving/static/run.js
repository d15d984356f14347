// One run: parameters, metrics, curves as they grow, log, artifacts, what it stands on, what differs from another.
"use strict";
import { amount, api, ask, copyable, count, duration, exact, h, link, moment, number, runLink, state, values, failed } from "./parts.js";

const AGAIN_SECONDS = 2;
const IMAGE = /\.(png|jpe?g|webp|gif|svg)$/i;

export async function run({ study, place, rest }) {
  const id = rest[0] || "";
  const view = { charts: [], timer: null, closed: false, trouble: h("p", { class: "error", hidden: true }) };
  const load = async () => {
    const told = await ask(api(study, "runs", id));
    if (view.closed) return;
    if (view.state === told.state && told.state === "running") grow(view, told);
    else whole(view, study, place, told);
    view.trouble.hidden = true;
    if (told.state === "running" || told.state === "waiting") later();
  };
  const later = () => { view.timer = setTimeout(() => load().catch(lost), AGAIN_SECONDS * 1000); };
  const lost = (error) => { // what is shown stays, and the next answer takes the trouble away
    if (view.closed) return;
    view.trouble.textContent = error.message;
    view.trouble.hidden = false;
    later();
  };
  await load();
  return {
    close() {
      view.closed = true;
      clearTimeout(view.timer);
      for (const one of view.charts) one.destroy();
    },
  };
}

function whole(view, study, place, told) {
  for (const one of view.charts) one.destroy();
  view.charts = [];
  view.state = told.state;
  view.place = h("p", {}, running(told));
  view.log = h("pre", { tabindex: "0", "aria-label": "log", id: "log" }, told.log);
  view.grown = h("div", { class: "charts" });
  view.difference = view.difference || comparison(study, told);
  place.replaceChildren(...[
    view.trouble, h("h2", {}, h("a", { href: link(study, "runs", told.task) }, told.task), " ", h("code", { id: "run" }, told.run), " ", state(told.state)),
    h("p", { class: "soft" }, copyable(told.command)),
    told.state === "running" ? view.place : null,
    told.failure ? failure(told.failure) : null,
    h("div", { class: "columns" }, ...[values("Parameters", told.params), values("Parameters of what it reads", told.chain), values("Metrics", told.metrics, number)].filter(Boolean)),
    h("section", { id: "curves" }, told.curves.length || told.state === "running" ? h("h3", {}, "Curves") : null, view.grown),
    told.log || told.state === "running" ? h("section", {}, h("h3", {}, "Log ", h("a", { class: "soft", href: api(study, "runs", told.run, "log") }, "whole")), view.log) : null,
    artifacts(study, told), lineage(study, told), view.difference,
    told.provenance ? provenance(told.provenance) : null,
    told.notes.length ? h("section", {}, h("h3", {}, "Notes"), ...told.notes.map((one) => h("p", {}, `${one.author}: ${one.text}`))) : null,
  ].filter(Boolean));
  view.log.scrollTop = view.log.scrollHeight;
  curves(view, told.curves);
}

// The run goes on: its curves and its log have more, the rest is as it was.
function grow(view, told) {
  view.place.textContent = running(told);
  curves(view, told.curves);
  if (view.log.textContent !== told.log) {
    const atEnd = view.log.scrollTop + view.log.clientHeight >= view.log.scrollHeight - 8;
    view.log.textContent = told.log;
    if (atEnd) view.log.scrollTop = view.log.scrollHeight;
  }
}

const running = (told) => `Running${told.worker ? ` on ${told.worker}` : ""}${told.since ? ` since ${moment(told.since)}` : ""}${told.told ? `, at ${told.told}` : ""}.`;

function curves(view, charts) {
  charts.forEach((chart, place) => {
    if (view.charts[place]) view.charts[place].update(chart);
    else view.charts.push(quadratChart(view.grown.appendChild(h("div")), chart));
  });
  view.grown.dataset.points = charts.length ? String(Math.max(...charts.map((chart) => chart.x.values.length))) : "0";
}

export function failure(told, rerun = true) {
  return h("div", { class: "bad" }, h("p", {}, h("b", {}, `${told.kind}: `), told.message),
    h("p", { class: "soft" }, `after ${duration(told.seconds)} on ${told.host || "an unknown host"}, ${moment(told.at)}, try ${told.tries}`),
    told.traceback ? h("pre", { tabindex: "0", "aria-label": "where it failed" }, told.traceback) : null,
    rerun && told.rerun ? h("p", {}, "Run it alone: ", copyable(told.rerun)) : null);
}

function artifacts(study, told) {
  if (!told.artifacts.length) return null;
  const address = (one) => api(study, "runs", told.run, "artifacts", one.name);
  const images = told.artifacts.filter((one) => !one.gone && IMAGE.test(one.path));
  return h("section", {}, h("h3", {}, "Artifacts"),
    h("ul", {}, ...told.artifacts.map((one) => h("li", {}, one.gone ? h("span", {}, one.name) : h("a", { href: address(one), target: "_blank", rel: "noopener" }, one.name),
      ` ${one.path}, ${one.gone ? "temporary, gone" : amount(one.size)}`))),
    h("div", { class: "gallery" }, ...images.map((one) => h("figure", {}, h("img", { src: address(one), alt: `artifact ${one.name}`, loading: "lazy" }), h("figcaption", {}, one.name)))));
}

function lineage(study, told) {
  const up = told.inputs.filter((one) => one.count);
  if (!up.length && !told.readers.length) return null;
  const list = (runs, more) => h("span", {}, ...runs.flatMap((one) => [runLink(study, one), " "]), more > 0 ? `and ${count(more)} more` : "");
  return h("section", {}, h("h3", {}, "Lineage"), h("ul", {},
    ...up.map((one) => h("li", {}, `stands on ${one.name}: `, list(one.runs, one.count - one.runs.length))),
    ...[...new Set(told.readers.map((one) => one.task))].map((task) =>
      h("li", {}, `is read by ${task}: `, list(told.readers.filter((one) => one.task === task).map((one) => one.run), 0)))));
}

function comparison(study, told) {
  const field = h("input", { type: "search", id: "other" }), out = h("div", { "aria-live": "polite" });
  const look = async () => {
    if (!field.value.trim()) return;
    try {
      const found = await ask(api(study, "runs", told.run, "difference"), [["other", field.value.trim()]]);
      const rows = ["chain", "params", "metrics", "provenance"].flatMap((part) => found[part].map((one) =>
        h("tr", {}, h("td", { class: "soft" }, { chain: "upstream" }[part] || part), h("th", { scope: "row" }, one.name), h("td", {}, exact(one.one)), h("td", {}, exact(one.other)))));
      const head = h("tr", {}, ...["part", "name", "this run"].map((one) => h("th", { scope: "col" }, one)), h("th", { scope: "col" }, runLink(study, found.other)));
      out.replaceChildren(rows.length ? h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "difference" }, h("table", { class: "plain" }, h("thead", {}, head), h("tbody", {}, ...rows))) : h("p", {}, "They do not differ."));
    } catch (error) {
      failed(out, error);
    }
  };
  field.addEventListener("change", look);
  return h("section", {}, h("h3", {}, "Difference to another run"), h("p", {}, h("label", {}, "Its id, or the first digits ", field)), out);
}

function provenance(told) {
  const shown = { ...told, started: moment(told.started), seconds: duration(told.seconds), "processor seconds": duration(told["processor seconds"]), "peak memory": amount(told["peak memory"]), "continued from": told["continued from"].slice(0, 12) };
  return values("Provenance", shown);
}
