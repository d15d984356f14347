// What failed, by cause: where, the log, and the command that runs it alone.
"use strict";
import { api, ask, count, copyable, h, runLink } from "./parts.js";
import { failure } from "./run.js";

export async function failures({ study, place }) {
  let version = null;
  const load = async () => {
    const found = await ask(api(study, "failures"));
    place.replaceChildren(h("h2", {}, "Failures by cause"),
      ...(found.length ? found.map((one) => cause(study, one)) : [h("p", {}, "None: no run of this request has failed.")]));
  };
  await load();
  return {
    update(state) {
      if (version !== null && version !== state.version) load();
      version = state.version;
    },
  };
}

function cause(study, one) {
  return h("section", {}, h("h3", {}, `${count(one.count)} ${one.count === 1 ? "run" : "runs"} of ${one.task}`), failure(one, false),
    one.log ? h("details", { open: true }, h("summary", {}, "the end of the log of the first"), h("pre", { tabindex: "0", "aria-label": "log" }, one.log)) : null,
    one.rerun ? h("p", {}, "Run the first alone: ", copyable(one.rerun)) : null,
    h("p", {}, ...one.ids.flatMap((id) => [runLink(study, id), " "]), one.count > one.ids.length ? `and ${count(one.count - one.ids.length)} more` : ""));
}
