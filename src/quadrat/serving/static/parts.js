// What the views share: elements from texts (never markup), numbers for people, asking the server.
"use strict";

export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((one) => one !== null && one !== undefined));
  return node;
}

export async function ask(path, parameters = []) {
  const query = new URLSearchParams(parameters).toString();
  let answer;
  try {
    answer = await fetch(query ? `${path}?${query}` : path, { credentials: "same-origin" });
  } catch {
    throw new Error("No answer: is `quadrat ui` still running?");
  }
  if (answer.status === 403) throw new Error("The address has lost its token: use the one that `quadrat ui` printed.");
  if (!(answer.headers.get("content-type") || "").includes("json")) throw new Error(`The server answers with ${answer.status}: its terminal says why.`);
  const told = await answer.json();
  if (!answer.ok) throw new Error([told.where, told.error, told.hint].filter(Boolean).join("\n"));
  return told;
}

export const api = (study, ...rest) => ["api", study, ...rest].map(encodeURIComponent).join("/");
export const link = (study, ...rest) => `#/${[study, ...rest].map(encodeURIComponent).join("/")}`;
export const runLink = (study, run) => h("a", { href: link(study, "run", run) }, h("code", {}, run.slice(0, 12)));

export const count = (value) => value.toLocaleString("en");
// Parameters as they are: two that differ must not look the same.
export const exact = (value) => value === null || value === undefined ? "–" : String(value);
export function number(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value)) return String(value);
  return size !== 0 && (size < 1e-3 || size >= 1e7) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
}
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 59.5) return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.round(minutes / 1440)} days`;
}
export function amount(size) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (size < 1000) return unit === "B" ? `${size} B` : `${size.toFixed(1)} ${unit}`;
    size /= 1000;
  }
  return `${size.toFixed(1)} TB`;
}
export function moment(seconds) {
  if (!seconds) return "–";
  const at = new Date(seconds * 1000), two = (value) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function copyable(text) {
  const button = h("button", { type: "button", class: "copy", "aria-label": `copy: ${text.slice(0, 80)}` }, "copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      window.prompt("copy:", text);
    }
  });
  return h("span", {}, h("code", {}, text), " ", button);
}

export function state(name) {
  return h("span", { class: `state ${name}` }, name);
}

// A table of plain cells: columns are [title, is a number], rows are lists of texts and elements.
export function table(label, columns, rows) {
  const cell = (tag, value, place) => h(tag, { class: columns[place][1] ? "number" : null, scope: tag === "th" ? "col" : null }, value);
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": label },
    h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, ...columns.map((one, place) => cell("th", one[0], place)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((value, place) => cell("td", value, place)))))));
}

// Names and values, one below the other; nothing where there is none.
export function values(title, told, text = exact) {
  const rows = Object.entries(told).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  if (!rows.length) return null;
  return h("section", {}, h("h3", {}, title), h("table", { class: "plain values" }, h("tbody", {},
    ...rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name),
      h("td", { title: typeof value === "number" ? String(value) : null }, text(value)))))));
}

// Give an element new children only where they differ from what is there: what a reader has focused or marked stays.
export function show(element, ...children) {
  const fresh = h("div", {}, ...children);
  if (element.innerHTML !== fresh.innerHTML) element.replaceChildren(...fresh.childNodes);
}

// Load again when the state has another version: at once, or as soon as the last time is long enough ago.
export function whenChanged(seconds, load, version = null) {
  let wanted = version, loaded = version, due = 0, timer = null, closed = false;
  const go = async () => {
    timer = null;
    if (closed || wanted === loaded) return;
    const now = wanted;
    if (await load() !== false) loaded = now; // who cannot at the moment says false, and is asked again
    due = Date.now() + seconds * 1000;
    plan();
  };
  const plan = () => {
    if (!closed && timer === null && wanted !== loaded) timer = setTimeout(go, Math.max(0, due - Date.now()));
  };
  return {
    update(state) {
      wanted = state.version;
      if (loaded === null) loaded = wanted;
      plan();
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

export function failed(element, error) {
  element.replaceChildren(h("p", { class: "error", role: "alert" }, ...error.message.split("\n").flatMap((line) => [line, h("br")])));
}
