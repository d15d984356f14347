// Groups of runs beside each other: a metric against a parameter, a series for each value of another.
"use strict";
import { api, ask, h, link, whenChanged } from "./parts.js";

const AGAIN_SECONDS = 5;

export async function compare({ study, place, rest }) {
  const told = await ask(api(study, "state"));
  const names = told.tasks.map((one) => one.task);
  const [task, x = "", y = "", hue = ""] = names.includes(rest[0]) ? rest.map((one) => (one === "-" ? "" : one)) : [names[names.length - 1]];
  const picture = h("div", { class: "comparison" }), why = h("p", { class: "soft" });
  let handle = null, closed = false;
  const load = async () => {
    const found = await ask(api(study, "tasks", task, "comparison"), [["x", x], ["y", y], ["hue", hue]]);
    if (closed) return found;
    why.textContent = found.why;
    if (!found.chart) {
      if (handle) handle.destroy();
      handle = null;
    } else if (handle) handle.update(found.chart);
    else handle = quadratChart(picture, found.chart);
    return found;
  };
  const found = await load();
  const go = (change) => {
    const now = { task, x: found.x, y: found.y, hue: found.hue, ...change };
    location.hash = link(study, "compare", now.task, ...[now.x, now.y, now.hue].map((one) => one || "-"));
  };
  const choose = (label, key, options, value) => {
    const select = h("select", {}, ...options.map((one) => h("option", { value: one, selected: one === value }, one || "–")));
    select.addEventListener("change", () => go(key === "task" ? { task: select.value, x: "", y: "", hue: "" } : { [key]: select.value }));
    return h("label", {}, `${label} `, select);
  };
  place.append(h("h2", {}, "Groups of finished runs"), h("div", { class: "controls" }, choose("Task", "task", names, task), choose("Metric", "y", found.metrics, found.y),
    choose("against", "x", found.axes, found.x), choose("a series for each", "hue", ["", ...found.axes.filter((one) => one !== found.x)], found.hue)),
  why, picture);
  const changed = whenChanged(AGAIN_SECONDS, () => load().catch((error) => { why.textContent = error.message; }), told.version);
  return {
    update: changed.update,
    close() {
      changed.close();
      closed = true;
      if (handle) handle.destroy();
    },
  };
}
