// How far the sweep is: counts, tasks, workers, the graph.
"use strict";
import { api, copyable, count, duration, h, link, moment, runLink, show, table } from "./parts.js";

const PARTS = ["finished", "running", "failed"];
const SHOWN = 8; // runs of one worker

export function overview({ study, command, place }) {
  const headline = h("p", { class: "headline", id: "headline" });
  const tasks = h("div"), workers = h("div"), problems = h("div");
  const graph = h("img", { alt: `the graph of the tasks of ${study}` });
  place.append(headline, problems, h("h2", {}, "Tasks"), tasks, h("h2", {}, "Who is at work"), workers,
    h("h2", {}, "Graph"), h("div", { class: "graph wide", tabindex: "0", role: "region", "aria-label": "graph of tasks" }, graph),
    h("h2", {}, "The whole of it"), h("p", {}, copyable(command)));
  let version = null;
  return {
    update(state) {
      show(headline, ...summary(state));
      show(problems, ...state.problems.map((line) => h("p", { class: "error" }, line)));
      show(tasks, taskTable(study, state.tasks, state.working));
      show(workers, workerTable(study, state));
      if (version !== state.version) {
        version = state.version;
        graph.src = `${api(study, "graph.svg")}?version=${version}`;
      }
    },
  };
}

function total(tasks) {
  const sum = { runs: 0, finished: 0, running: 0, failed: 0, waiting: 0, per_minute: 0, queued: 0 };
  for (const one of tasks) for (const key of Object.keys(sum)) sum[key] += one[key];
  return sum;
}

function summary(state) {
  const sum = total(state.tasks);
  const parts = [h("b", { id: "finished" }, count(sum.finished)), ` of ${count(sum.runs)} runs finished`];
  if (sum.running) parts.push(`, ${count(sum.running)} running`);
  if (sum.queued) parts.push(`, ${count(sum.queued)} queued`);
  if (sum.failed) parts.push(", ", h("a", { href: link(state.study, "failures") }, `${count(sum.failed)} failed`));
  if (sum.per_minute >= 0.1 && state.working) parts.push(`, ${rate(sum.per_minute)}`);
  if (state.left !== null) parts.push(`, ${state.at_least ? "at least" : "about"} ${duration(state.left)} left`);
  if (!state.working && sum.waiting) parts.push(". Nothing runs at the moment.");
  return parts;
}

const rate = (perMinute) => perMinute >= 120 ? `${count(Math.round(perMinute / 60))} a second` : `${perMinute >= 10 ? Math.round(perMinute) : perMinute.toFixed(1)} a minute`;

function bar(one) {
  const share = (part) => `${(100 * one[part]) / Math.max(1, one.runs)}%`;
  const words = PARTS.filter((part) => one[part]).map((part) => `${one[part]} ${part}`).join(", ") || "none finished";
  const box = h("div", { class: "bar", role: "img", "aria-label": `of ${one.runs}: ${words}` });
  for (const part of PARTS) {
    const piece = h("i", { class: part });
    piece.style.width = share(part);
    box.append(piece);
  }
  return box;
}

function taskTable(study, tasks, working) {
  const columns = [["task"], ["progress"], ["finished", true], ["running", true], ["failed", true], ["waiting", true],
    ["older code", true], ["each takes", true], ["lately", true]];
  const rows = tasks.map((one) => [
    h("a", { href: link(study, "runs", one.task) }, one.task), bar(one), `${count(one.finished)} of ${count(one.runs)}`,
    count(one.running), count(one.failed), one.queued ? `${count(one.waiting)} (${count(one.queued)} queued)` : count(one.waiting),
    count(one.outdated), duration(one.seconds), one.per_minute && working && (one.running || one.waiting) ? rate(one.per_minute) : "–",
  ]);
  return table("tasks", columns, rows);
}

function workerTable(study, state) {
  if (!state.workers.length) return h("p", { class: "soft" }, "Nobody: no process works on this store.");
  const rows = state.workers.map((one) => [
    one.host, one.slurm ? `SLURM ${one.slurm}` : `process ${one.pid}`,
    one.alive ? "at work" : `not heard of since ${moment(one.seen)}`, doing(study, one),
  ]);
  return table("workers", [["host"], ["process"], ["state"], ["runs now"]], rows);
}

function doing(study, worker) {
  if (!worker.making.length) return h("span", { class: "soft" }, worker.claimed ? `${count(worker.claimed)} taken` : "nothing");
  const list = h("div");
  for (const one of worker.making.slice(0, SHOWN)) {
    list.append(h("div", {}, one.task ? `${one.task} ` : "of another request ", runLink(study, one.run),
      one.since ? ` since ${moment(one.since).slice(11)}` : "", one.told ? `, at ${one.told}` : ""));
  }
  if (worker.making.length > SHOWN) list.append(h("div", { class: "soft" }, `and ${count(worker.making.length - SHOWN)} more`));
  return list;
}
