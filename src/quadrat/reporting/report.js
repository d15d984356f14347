"use strict";
// Tables: sort by a column, show the rows that have some words. Both work on what is in the page; nothing is loaded.
function key(cell) {
  const text = cell.textContent.trim();
  const number = Number(text.replace(/ ±.*/, "").replace("−", "-"));
  return text !== "" && Number.isFinite(number) ? number : text;
}
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  return a.localeCompare(b, undefined, { numeric: true });
}
for (const table of document.querySelectorAll("table[data-sort]")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row) => [key(row.cells[place]), row]);
      rows.sort((a, b) => (down ? -1 : 1) * compare(a[0], b[0]));
      body.append(...rows.map((pair) => pair[1]));
    });
  });
}
for (const field of document.querySelectorAll("input[data-filter]")) {
  const table = document.getElementById(field.dataset.filter);
  const told = document.getElementById(`${field.dataset.filter}-count`);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      left += row.hidden ? 0 : 1;
    }
    told.textContent = `${left} of ${table.tBodies[0].rows.length} rows`;
  });
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "copied";
    } catch {
      window.prompt("copy:", button.dataset.copy);
    }
  });
}
// Where a figure has its numbers a chart takes the place of its image, which stays for print.
for (const data of document.querySelectorAll("script[data-chart]")) {
  const chart = document.createElement("div");
  chart.className = "chart";
  data.parentElement.append(chart);
  data.parentElement.classList.add("drawn");
  try {
    quadratChart(chart, JSON.parse(data.textContent));
  } catch (error) {
    data.parentElement.classList.remove("drawn");
    console.error(error);
  }
}
