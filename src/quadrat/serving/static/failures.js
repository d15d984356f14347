// What failed, by cause: where, the log, and the command that runs it alone.
"use strict";
import { api, ask, count, copyable, h, runLink, whenChanged } from "./parts.js";
import { failure } from "./run.js";

const AGAIN_SECONDS = 3;

export async function failures({ study, place }) {
  let before = "";
  const load = async () => {
    const told = await ask(api(study, "failures")), now = JSON.stringify(told);
    if (now === before) return; // what a reader has closed or marked stays
    before = now;
    const closed = new Set([...place.querySelectorAll("details:not([open])")].map((one) => one.dataset.run));
    place.replaceChildren(h("h2", {}, "Failures by cause"), ...left(told),
      ...(told.causes.length ? told.causes.map((one) => cause(study, one, !closed.has(one.run))) : [h("p", {}, "None: no run of this request has failed.")]));
  };
  await load();
  return whenChanged(AGAIN_SECONDS, () => load().catch(() => false));
}

function left(told) {
  const lines = [];
  if (told.read < told.failed) lines.push(`Of ${count(told.failed)} failed runs the first ${count(told.read)} were read: there may be other causes.`);
  if (told.causes.length < told.kinds) lines.push(`The ${count(told.causes.length)} most frequent of ${count(told.kinds)} causes.`);
  return lines.map((line) => h("p", { class: "soft" }, line));
}

function cause(study, one, open) {
  return h("section", {}, h("h3", {}, `${count(one.count)} ${one.count === 1 ? "run" : "runs"} of ${one.task}`), failure(one, false),
    one.log ? h("details", { open, "data-run": one.run }, h("summary", {}, "the end of the log of the first"), h("pre", { tabindex: "0", "aria-label": "log" }, one.log)) : null,
    one.rerun ? h("p", {}, "Run the first alone: ", copyable(one.rerun)) : null,
    h("p", {}, ...one.ids.flatMap((id) => [runLink(study, id), " "]), one.count > one.ids.length ? `and ${count(one.count - one.ids.length)} more` : ""));
}
