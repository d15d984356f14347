// Draws a chart that `results/figures/charting.py` told, by uPlot, into an element of a page:
//
//   const handle = quadratChart(element, chart);   handle.update(chart);   handle.destroy();
//
// Moving over the chart tells values in the legend, a click in the legend hides a series, dragging zooms, a double
// click or the button shows everything again. Texts go in as texts and styles one by one, so that a strict
// Content-Security-Policy holds and nothing of the data is ever markup.
"use strict";

const quadratChart = (() => {
  // As in results/figures/style.py: told apart by the colour-blind, and by marks and dashes in grey print.
  const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
  const DASHES = [[], [6, 2], [2, 2], [7, 2, 2, 2]];
  const MARKS = [
    null, // a circle
    [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    [[0, -1.2], [1.1, 0.9], [-1.1, 0.9]],
    [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
    [[0, 1.2], [1.1, -0.9], [-1.1, -0.9]],
    [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4],
      [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]],
    [[0, -0.6], [0.7, -1.3], [1.3, -0.7], [0.6, 0], [1.3, 0.7], [0.7, 1.3], [0, 0.6], [-0.7, 1.3], [-1.3, 0.7],
      [-0.6, 0], [-1.3, -0.7], [-0.7, -1.3]],
  ];
  const INK = "#222222", SOFT = "#595959", GRID = "#E6E6E6";
  const FONT = "12px system-ui, sans-serif";
  const MOST_MARKS = 40; // with more numbers at the x axis a series is a line without marks
  const SLANT = 35; // degrees
  const RADIANS = (SLANT * Math.PI) / 180;
  const HINT = "drag to zoom, double-click to see all";

  // Colour, mark, hollow or filled, dashes: no two of the first 14 agree in colour and mark.
  function look(place) {
    const turn = Math.floor(place / COLOURS.length);
    return {
      colour: COLOURS[place % COLOURS.length],
      mark: MARKS[place % MARKS.length],
      hollow: turn % 2 === 1,
      dash: DASHES[(place + turn) % DASHES.length],
    };
  }

  function made(tag, style, text) {
    const node = document.createElement(tag);
    Object.assign(node.style, style);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  // Numbers as texts: a value with four digits, and those of an axis with as many decimals in all.
  const small = (value) => String(value).replace("e+", "e");
  const told = (value) => plain(Math.abs(value) < 1e4 ? value : Math.round(value), 4);
  function plain(value, digits = 10) {
    const size = Math.abs(value);
    const number = Number(value.toPrecision(size < 1e4 ? digits : 10));
    return small(size !== 0 && (size >= 1e6 || size < 1e-3) ? number.toExponential() : number);
  }
  function together(values) {
    const texts = values.map((value) => plain(value));
    if (texts.some((text) => text.includes("e"))) return texts;
    const decimals = Math.max(0, ...texts.map((text) => (text.split(".")[1] || "").length));
    return values.map((value) => value.toFixed(decimals));
  }

  const short = (text) => (text.length > 24 ? `${text.slice(0, 23)}…` : text);

  // Ticks of a logarithmic axis: whole powers, and parts of them where there are few.
  function powers(low, high) {
    const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
    const wide = Math.log10(high / low);
    const parts = wide < 1 ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : wide < 2.5 ? [1, 2, 5] : [1];
    const step = Math.max(1, Math.ceil(wide / 8));
    const found = [];
    for (let power = first; power <= last; power += step) {
      for (const part of parts) found.push(Number(`${part}e${power}`));
    }
    return found.filter((one) => one >= low * 0.999999 && one <= high * 1.000001);
  }

  // A range that is wider than its values by a share of them, on either kind of axis.
  function padded(low, high, log, share) {
    if (log) {
      const room = Math.max(Math.log10(high / low) * share, low === high ? 0.3 : 0);
      return [low / 10 ** room, high * 10 ** room];
    }
    const room = (high - low) * share || Math.abs(high) * 0.1 || 1;
    return [low - room, high + room];
  }

  class Drawing {
    constructor(element, chart) {
      this.element = element;
      this.hidden = new Set();
      this.turn = 0; // uPlot draws a moment later, also when it has been taken away meanwhile
      this.top = made("div", {
        display: "flex", flexWrap: "wrap", justifyContent: "space-between", alignItems: "end", columnGap: "12px",
        color: INK, fontSize: "13px", margin: "0 0 2px",
      });
      this.name = made("span", {});
      this.plot = made("div", { width: "100%" });
      this.below = made("div", { color: INK, fontSize: "13px", textAlign: "center", margin: "2px 0 6px" });
      const even = { fontVariantNumeric: "tabular-nums" };
      this.head = made("div", { color: SOFT, fontSize: "13px", minHeight: "1.5em", ...even });
      this.legend = made("div", { display: "grid", columnGap: "12px" });
      this.foot = made("div", { color: SOFT, fontSize: "12px", margin: "6px 0 0" });
      this.hint = made("span", { color: SOFT, fontSize: "12px" }, HINT);
      this.all = made("button", { font: "inherit", fontSize: "12px", padding: "0 6px", cursor: "pointer" }, "show all");
      this.all.type = "button";
      this.all.addEventListener("click", () => this.whole());
      this.top.append(this.name, this.hint, this.all);
      this.plot.setAttribute("role", "img");
      this.legend.setAttribute("role", "group");
      element.replaceChildren(this.top, this.plot, this.below, this.head, this.legend, this.foot);
      this.take(chart);
      this.build();
      this.watch = new ResizeObserver(() => this.fit());
      this.watch.observe(element);
    }

    take(chart) {
      this.chart = chart;
      this.texts = chart.x.texts;
      this.log = { x: chart.x.log && !this.texts, y: chart.y.log };
      const values = (series) => {
        const absent = new Set(series.absent || []);
        return series.values.map((value, at) => {
          if (absent.has(at)) return undefined; // a line goes on over it; over null it does not
          return value === null || (this.log.y && value <= 0) ? null : value;
        });
      };
      this.data = [chart.x.values, ...chart.series.map(values)];
      this.name.textContent = chart.y.label;
      this.below.textContent = chart.x.label;
      this.foot.textContent = chart.note;
      this.plot.setAttribute("aria-label", chart.label);
      this.legend.setAttribute("aria-label", chart.legend || "series");
    }

    build() {
      if (this.uplot) this.uplot.destroy();
      this.turn += 1;
      this.uplot = new uPlot(this.options(), this.data, this.plot);
      this.entries();
      this.tell(null);
    }

    options() {
      const { chart, log } = this;
      const marked = this.texts || chart.x.values.length <= MOST_MARKS;
      const grid = { stroke: GRID, width: 1 };
      const axis = { stroke: INK, font: FONT, grid, ticks: { ...grid, size: 5 } };
      const y = { ...axis, size: (u, texts, at, cycle) => this.room(u, texts, at, cycle) };
      if (log.y) Object.assign(y, { splits: (u, at, low, high) => powers(low, high), filter: (u, splits) => splits });
      y.values = (u, splits) => together(splits);
      const series = chart.series.map((one, place) => {
        const { colour, dash } = look(place);
        return {
          label: one.name, stroke: colour, width: 1.8, dash, show: !this.hidden.has(one.name), points: { show: false },
          ...(this.texts ? { paths: () => null } : {}), // between words there is no line
        };
      });
      const turn = this.turn;
      const live = (does) => [(...given) => turn === this.turn && does(...given)];
      return {
        ...this.size(), series: [{}, ...series], axes: [this.across(axis), y], legend: { show: false },
        padding: [8, 14, 0, (u) => this.margin(u)], focus: { alpha: 1 },
        scales: {
          x: { time: false, distr: log.x ? 3 : 1, range: (u, low, high) => this.window(low, high) },
          y: { distr: log.y ? 3 : 1, range: (u) => this.tall(u) },
        },
        cursor: {
          y: false, drag: { x: true, y: false }, points: { show: !this.texts, size: 7 },
        },
        hooks: {
          drawAxes: live((u) => this.bands(u)),
          drawSeries: live((u, at) => {
            if (!at) return;
            this.runs(u, at - 1);
            this.marks(u, at, marked);
          }),
          setCursor: live((u) => this.tell(u.cursor.idx)),
          setScale: live((u, key) => key === "x" && this.zoomed(u)),
        },
      };
    }

    // The axis of x: ticks where values are if these have room, else even ones; words where values are words.
    across(axis) {
      const numbers = this.chart.x.values;
      const whole = numbers.every(Number.isInteger);
      const texts = this.texts && this.texts.map(short);
      const width = (u, text) => this.wide(u, text) * uPlot.pxRatio;
      const fits = (u, shown, labels) => {
        const places = shown.map((one) => u.valToPos(one, "x", true));
        return places.every((one, at) => !at
          || one - places[at - 1] > (width(u, labels[at]) + width(u, labels[at - 1])) / 2 + 8 * uPlot.pxRatio);
      };
      const splits = (u, at, low, high, step) => {
        const shown = numbers.filter((one) => one >= low && one <= high);
        if (texts) {
          const room = Math.max(1, Math.floor(u.bbox.width / uPlot.pxRatio / 18));
          const every = Math.ceil(shown.length / room);
          return shown.filter((one, place) => place % every === 0);
        }
        const labels = written(shown);
        if (shown.length > 1 && shown.length <= 12 && u.bbox.width && fits(u, shown, labels)) return shown;
        if (this.log.x) return powers(low, high);
        const even = whole ? Math.max(1, step) : step;
        const found = [];
        for (let count = Math.ceil(low / even - 1e-9); count * even <= high; count += 1) {
          found.push(Number((count * even).toPrecision(12)));
        }
        return found;
      };
      const written = (shown) => (this.log.x ? shown.map((value) => plain(value)) : together(shown));
      return {
        ...axis, splits, incrs: undefined, space: 60, filter: (u, shown) => shown,
        values: (u, shown) => (texts ? shown.map((at) => texts[at]) : written(shown)),
        grid: texts ? { show: false } : axis.grid,
        rotate: () => (this.slanted() ? SLANT : 0),
        size: (u, labels) => {
          if (!labels || !this.slanted()) return 27;
          return Math.ceil(24 + Math.max(...labels.map((label) => this.wide(u, label))) * Math.sin(RADIANS));
        },
      };
    }

    // The width of a text at an axis.
    wide(u, text) {
      u.ctx.font = u.axes[0].font[0]; // in pixels of the canvas
      return u.ctx.measureText(text).width / uPlot.pxRatio;
    }

    // Whether words at the x axis are too long to lie side by side.
    slanted() {
      const letters = this.texts ? this.texts.map(short).join("").length : 0;
      return letters > 0 && letters * 7 + this.texts.length * 16 > this.size().width - 60;
    }

    // Room on the left for the first of slanted words.
    margin(u) {
      return this.slanted() ? Math.max(4, this.wide(u, short(this.texts[0])) * Math.cos(RADIANS) - 20) : 4;
    }

    // As wide as the longest of the texts at the y axis.
    room(u, texts, at, cycle) {
      const axis = u.axes[at];
      if (cycle > 1) return axis._size;
      const widths = (texts || []).map((text) => this.wide(u, text));
      return Math.ceil(axis.ticks.size + axis.gap + Math.max(20, ...widths));
    }

    window(low, high) {
      const numbers = this.chart.x.values;
      const first = numbers[0], last = numbers[numbers.length - 1];
      if (first === undefined) return [0, 1];
      if (low > first || high < last) return [low, high];
      return this.texts ? [first - 0.6, last + 0.6] : padded(first, last, this.log.x, 0.03);
    }

    // The range of y: values and intervals of all series that are shown, where one looks.
    tall(u) {
      let [from, to] = u.series[0].idxs || [0, Infinity];
      const beyond = to - from < 4 ? 1 : 0; // among few points lines come from, and go to, those out of sight
      from = Math.max(0, from - beyond);
      to = Math.min(this.data[0].length - 1, to + beyond);
      let low = Infinity, high = -Infinity;
      this.chart.series.forEach((series, place) => {
        if (this.hidden.has(series.name)) return;
        for (const values of [this.data[place + 1], series.low, series.high]) {
          for (let at = from; values && at <= to; at += 1) {
            const value = values[at];
            if (value === null || value === undefined || (this.log.y && value <= 0)) continue;
            low = Math.min(low, value);
            high = Math.max(high, value);
          }
        }
        for (const [at, value] of series.dots || []) {
          if (at < from || at > to || (this.log.y && value <= 0)) continue;
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      });
      if (low > high) return this.log.y ? [0.1, 1] : [0, 1];
      return padded(low, high, this.log.y, 0.06);
    }

    size() {
      const width = Math.max(160, Math.floor(this.element.clientWidth) || 400);
      return { width, height: Math.round(Math.min(360, Math.max(220, width * 0.55))) };
    }

    fit() {
      const { width, height } = this.size();
      if (width === this.uplot.width || !this.element.clientWidth) return;
      this.uplot.setSize({ width, height });
    }

    // Series stand side by side at words.
    beside(u, place) {
      if (!this.texts) return 0;
      const count = this.chart.series.length;
      const room = (u.valToPos(1, "x", true) - u.valToPos(0, "x", true)) * 0.7;
      return (place - (count - 1) / 2) * Math.min(10 * uPlot.pxRatio, room / count);
    }

    // Places on the canvas of the points that have an interval, in stretches without a gap.
    stretches(u, place) {
      const { low, high } = this.chart.series[place];
      const values = this.data[place + 1];
      const found = [[]];
      if (!low || !high || this.hidden.has(this.chart.series[place].name)) return [];
      const [from, to] = u.series[0].idxs;
      for (let at = Math.max(0, from - 1); at <= Math.min(values.length - 1, to + 1); at += 1) {
        if (values[at] === undefined) continue;
        const below = this.log.y && low[at] !== null && low[at] <= 0 ? u.scales.y.min : low[at];
        if (values[at] === null || below === null || high[at] === null) {
          found.push([]);
          continue;
        }
        const x = u.valToPos(this.data[0][at], "x", true) + this.beside(u, place);
        found[found.length - 1].push([x, u.valToPos(below, "y", true), u.valToPos(high[at], "y", true)]);
      }
      return found.filter((one) => one.length);
    }

    clipped(u, draw) {
      const { left, top, width, height } = u.bbox;
      u.ctx.save();
      u.ctx.beginPath();
      u.ctx.rect(left, top, width, height);
      u.ctx.clip();
      draw(u.ctx);
      u.ctx.restore();
    }

    // Intervals, below all lines: a band, or a bar where a point has no neighbour.
    bands(u) {
      this.clipped(u, (ctx) => this.chart.series.forEach((_, place) => {
        const { colour } = look(place);
        for (const points of this.stretches(u, place)) {
          if (points.length > 1 && !this.texts) {
            ctx.globalAlpha = 0.18;
            ctx.fillStyle = colour;
            ctx.beginPath();
            for (const [x, low] of points) ctx.lineTo(x, low);
            for (const [x, , high] of points.slice().reverse()) ctx.lineTo(x, high);
            ctx.fill();
            ctx.globalAlpha = 1;
            continue;
          }
          ctx.strokeStyle = colour;
          ctx.lineWidth = 1.4 * uPlot.pxRatio;
          for (const [x, low, high] of points) {
            const cap = 3 * uPlot.pxRatio;
            ctx.beginPath();
            ctx.moveTo(x, low);
            ctx.lineTo(x, high);
            for (const y of [low, high]) {
              ctx.moveTo(x - cap, y);
              ctx.lineTo(x + cap, y);
            }
            ctx.stroke();
          }
        }
      }));
    }

    // Marks of a series: all where there are few, else only those that no line reaches.
    marks(u, at, marked) {
      const values = this.data[at];
      const present = values.map((value, place) => (value === undefined ? -1 : place)).filter((place) => place >= 0);
      const empty = (value) => value === null || value === undefined;
      this.clipped(u, (ctx) => present.forEach((place, turn) => {
        if (values[place] === null) return;
        const alone = empty(values[present[turn - 1]]) && empty(values[present[turn + 1]]);
        if (!marked && !alone) return;
        const x = u.valToPos(this.data[0][place], "x", true) + this.beside(u, at - 1);
        this.mark(ctx, at - 1, x, u.valToPos(values[place], "y", true), uPlot.pxRatio);
      }));
    }

    // Single runs, a little to the right of their mean.
    runs(u, place) {
      const { colour } = look(place);
      this.clipped(u, (ctx) => (this.chart.series[place].dots || []).forEach(([at, value, counts]) => {
        if (this.log.y && value <= 0) return;
        const x = u.valToPos(this.data[0][at], "x", true) + this.beside(u, place) + 5 * uPlot.pxRatio;
        ctx.beginPath();
        ctx.arc(x, u.valToPos(value, "y", true), 1.8 * uPlot.pxRatio, 0, 2 * Math.PI);
        ctx.fillStyle = ctx.strokeStyle = colour;
        ctx.lineWidth = 0.8 * uPlot.pxRatio;
        ctx.globalAlpha = counts ? 0.55 : 1;
        if (counts) ctx.fill();
        else ctx.stroke();
      }));
    }

    mark(ctx, place, x, y, ratio) {
      const { colour, mark, hollow } = look(place);
      const size = 3.4 * ratio;
      ctx.beginPath();
      if (mark) mark.forEach(([right, down]) => ctx.lineTo(x + right * size, y + down * size));
      else ctx.arc(x, y, size, 0, 2 * Math.PI);
      ctx.closePath();
      ctx.setLineDash([]);
      ctx.lineWidth = 1.4 * ratio;
      ctx.strokeStyle = colour;
      ctx.fillStyle = hollow ? "#FFFFFF" : colour;
      ctx.fill();
      ctx.stroke();
    }

    entries() {
      const longest = Math.max(0, ...this.chart.series.map((series) => series.name.length));
      const wide = `min(${Math.min(30, 14 + longest * 0.45)}rem, 100%)`; // with room for a value and its interval
      this.legend.style.gridTemplateColumns = `repeat(auto-fill, minmax(${wide}, 1fr))`;
      this.told = [];
      const marked = this.texts || this.chart.x.values.length <= MOST_MARKS;
      this.legend.replaceChildren(...this.chart.series.map((series, place) => {
        const entry = made("button", {
          display: "flex", alignItems: "center", gap: "6px", width: "100%", minWidth: "0", padding: "1px 0",
          border: "0", background: "none", font: "inherit", fontSize: "13px", color: INK, textAlign: "left",
          cursor: "pointer",
        });
        const cut = { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", minWidth: "3em" };
        const name = made("span", cut);
        const value = made("span", { flex: "none", fontVariantNumeric: "tabular-nums" });
        name.textContent = series.name || this.chart.y.name || this.chart.y.label;
        entry.type = "button";
        entry.title = `${name.textContent}: show or hide`;
        entry.append(this.sample(place, marked), name, value);
        entry.addEventListener("click", () => this.toggle(place, entry));
        this.dress(entry, series);
        this.told.push(value);
        return entry;
      }));
    }

    sample(place, marked) {
      const ratio = Math.max(2, uPlot.pxRatio);
      const canvas = made("canvas", { width: "30px", height: "14px", flex: "none" });
      canvas.width = 30 * ratio;
      canvas.height = 14 * ratio;
      const ctx = canvas.getContext("2d");
      const { colour, dash } = look(place);
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1.8 * ratio;
      ctx.setLineDash(dash.map((one) => one * ratio));
      ctx.beginPath();
      ctx.moveTo(1, 7 * ratio);
      ctx.lineTo(29 * ratio, 7 * ratio);
      if (!this.texts) ctx.stroke();
      if (marked) this.mark(ctx, place, 15 * ratio, 7 * ratio, ratio);
      return canvas;
    }

    dress(entry, series) {
      const shown = !this.hidden.has(series.name);
      entry.setAttribute("aria-pressed", String(shown));
      entry.style.textDecoration = shown ? "none" : "line-through";
      entry.firstChild.style.opacity = shown ? "1" : "0.3";
      entry.style.color = shown ? INK : SOFT;
    }

    toggle(place, entry) {
      const series = this.chart.series[place];
      if (!this.hidden.delete(series.name)) this.hidden.add(series.name);
      this.dress(entry, series);
      this.uplot.setSeries(place + 1, { show: !this.hidden.has(series.name) });
    }

    // Values at one x, in the legend.
    tell(at) {
      const { x, legend, series } = this.chart;
      const there = at !== null && at !== undefined && at < x.values.length;
      const where = there ? `${x.name || x.label} = ${this.texts ? this.texts[at] : plain(x.values[at])}` : "";
      this.head.textContent = [legend, where].filter(Boolean).join("; ");
      this.told.forEach((cell, place) => {
        const { low, high } = series[place];
        const value = there ? this.data[place + 1][at] : undefined;
        if (value === null || value === undefined) cell.textContent = there ? "–" : "";
        else if (!low || !high || low[at] === null || high[at] === null) cell.textContent = told(value);
        else cell.textContent = `${told(value)} [${told(low[at])}, ${told(high[at])}]`;
      });
    }

    zoomed(u) {
      const { min, max } = u.scales.x;
      const [low, high] = this.window(-Infinity, Infinity);
      this.near = min > low || max < high;
      this.all.style.display = this.near ? "" : "none";
      this.hint.style.display = this.near ? "none" : "";
    }

    whole() {
      const numbers = this.chart.x.values;
      this.uplot.setScale("x", { min: numbers[0], max: numbers[numbers.length - 1] });
    }

    // New numbers: what is hidden stays hidden, and where one looks stays where the axes are the same.
    update(chart) {
      const shape = ({ x, y, legend, series }) => JSON.stringify(
        [x.texts, x.log, y.log, x.label, legend, series.map((one) => one.name), x.values.length <= MOST_MARKS],
      );
      const same = shape(chart) === shape(this.chart);
      const { min, max } = this.uplot.scales.x;
      const near = this.near;
      this.take(chart);
      if (!same) {
        this.build();
        return;
      }
      this.uplot.setData(this.data, !near);
      if (near) this.uplot.setScale("x", { min, max });
      this.tell(this.uplot.cursor.idx);
    }

    destroy() {
      this.turn += 1;
      this.watch.disconnect();
      this.uplot.destroy();
      this.element.replaceChildren();
    }
  }

  return (element, chart) => {
    const drawing = new Drawing(element, chart);
    return { update: (next) => drawing.update(next), destroy: () => drawing.destroy() };
  };
})();
