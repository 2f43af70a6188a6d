// The grid that the page carries: unpacked to the last bit, searched, and put into the words that the page uses.
"use strict";
const Grid = (() => {
  // What pack.rs wrote: for each column, the bytes of equal weight of all rows, deflated.
  async function unpacked(text, { rows, names, from }) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const columns = [];
    from.forEach((rule, index) => {
      const figures = new Float64Array(rows);
      const halves = new Uint32Array(figures.buffer); // low, high, low, high
      const scaled = new Float64Array(1);
      const scaledHalves = new Uint32Array(scaled.buffer);
      const plane = (number) => bytes.subarray((index * 8 + number) * rows, (index * 8 + number + 1) * rows);
      const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(plane);
      for (let row = 0; row < rows; row++) {
        const low = a[row] | (b[row] << 8) | (c[row] << 16) | (d[row] << 24);
        const high = e[row] | (f[row] << 8) | (g[row] << 16) | (h[row] << 24);
        const sign = -(low & 1);
        const [differenceLow, differenceHigh] = [((low >>> 1) | (high << 31)) ^ sign, (high >>> 1) ^ sign];
        let [expectedLow, expectedHigh] = [0, 0];
        if (rule.times) {
          scaled[0] = columns[rule.times[0]][row] * rule.times[1];
          [expectedLow, expectedHigh] = scaledHalves;
        } else if (row >= rule.before) {
          [expectedLow, expectedHigh] = [halves[2 * (row - rule.before)], halves[2 * (row - rule.before) + 1]];
        }
        const sum = (differenceLow >>> 0) + expectedLow;
        halves[2 * row] = sum;
        halves[2 * row + 1] = differenceHigh + expectedHigh + (sum > 0xffffffff ? 1 : 0);
      }
      columns.push(figures);
    });
    return Object.fromEntries(names.map((name, index) => [name, columns[index]]));
  }

  // The decimal text of a figure as CSV files have it: all its digits, no exponent.
  function exact(figure) {
    if (Number.isNaN(figure)) return "";
    const parts = /^(-?)(\d)\.?(\d*)e([+-]\d+)$/.exec(String(figure));
    if (!parts) return String(figure);
    const [, sign, first, rest, power] = parts;
    const digits = first + rest;
    const point = 1 + Number(power);
    if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
    return sign + digits.padEnd(point, "0");
  }

  // Ties go to the even digit, as elsewhere on the page.
  function fixed(figure, decimals) {
    const text = figure.toFixed(decimals);
    const long = figure.toFixed(Math.min(100, decimals + 40));
    const kept = long.slice(0, long.indexOf(".") + (decimals ? 1 + decimals : 0));
    const isTie = /^\.?50*$/.test(long.slice(kept.length));
    return isTie && Number(kept.at(-1)) % 2 === 0 ? kept : text;
  }

  const separated = (decimal) => decimal.replace(/^(-?\d+)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
  const trimmed = (decimal) => (decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal);
  const magnitude = (figure) => Number(Math.abs(figure).toExponential(2).split("e")[1]);

  function number(figure) {
    if (Number.isNaN(figure)) return "n/a";
    if (!Number.isFinite(figure)) return figure > 0 ? "∞" : "-∞";
    if (figure === 0) return "0";
    if (Math.abs(figure) < 1e-6 || Math.abs(figure) >= 1e15) return figure.toExponential(2).replace("e+", "e");
    return trimmed(separated(fixed(figure, Math.max(0, 2 - magnitude(figure)))));
  }

  const UNITS = [[0.9995e-6, 1e9, "ns"], [0.9995e-3, 1e6, "µs"], [0.9995, 1e3, "ms"], [120, 1, "s"], [7200, 1 / 60, "min"]];
  function duration(seconds) {
    const size = Math.abs(seconds);
    const unit = UNITS.find(([below]) => size < below) ?? [0, 1 / 3600, "h"];
    const [, factor, name] = size === 0 || !Number.isFinite(seconds) ? [0, 1, "s"] : unit;
    return `${number(seconds * factor)} ${name}`;
  }

  function money(dollars) {
    const [sign, size] = [dollars < 0 ? "-" : "", Math.abs(dollars)];
    if (!Number.isFinite(size) || (size > 0 && size < 1e-6)) return `${sign}$${number(size)}`;
    const decimals = size === 0 ? 2 : Math.max(2, 2 - magnitude(size));
    return `${sign}$${separated(fixed(size, decimals))}`;
  }

  function percent(share) {
    const value = share * 100;
    if (value !== 0 && Math.abs(value) < 0.001) return "<0.001 %";
    const decimals = value !== 0 && Math.abs(value) < 0.95 ? 1 - magnitude(value) : 1;
    return `${trimmed(separated(fixed(value, Math.max(0, decimals))))} %`;
  }

  const change = (share) => `${share * 100 >= 0.001 ? "+" : ""}${percent(share)}`;

  const memory = (mb) => `${separated(String(mb))} MB`;

  // A timeout: the shortest exact form in one unit.
  function timeout(seconds) {
    const nanos = Math.round(seconds * 1e9);
    const whole = [[3600e9, "h"], [60e9, "min"]].find(([size]) => nanos > 0 && nanos % size === 0);
    const below = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]].find(([size]) => nanos >= size);
    const [size, name] = whole ?? below ?? [1e9, "s"];
    return `${nanos / size} ${name}`;
  }

  // Two-digit numbers from below the least to the greatest of some figures, and `own` among them.
  function steps(figures, own) {
    const finite = figures.filter((figure) => Number.isFinite(figure) && figure > 0);
    const [least, most] = [Math.min, Math.max].map((pick) => finite.reduce((a, b) => pick(a, b), finite[0] ?? 1));
    const all = new Set(own === null ? [] : [own]);
    for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
      for (let digits = 10; digits < 100; digits++) {
        const step = Number(`${digits}e${power - 1}`);
        if (step >= least * 0.97 && step <= most * 1.1) all.add(step);
      }
    }
    return [...all].sort((a, b) => a - b);
  }

  // Does a row lie within the limits? At the page's own limits, the verdict of the file holds: it counts requests.
  function within(grid, about, limits) {
    const { slo_s: slo, budget_usd_per_million: budget } = about;
    const isOwn = limits.slo === (slo ?? Infinity) && (budget === null || limits.budget === budget);
    const judged = isOwn && (slo !== null || budget !== null);
    const axis = (name) => {
      const [figures, limit, only] = [grid[name], limits[name], limits.only.has(name)];
      return only ? (row) => figures[row] === limit : (row) => figures[row] <= limit;
    };
    const [memory, batch, time] = ["memory_mb", "batch", "timeout_s"].map(axis);
    return (row) =>
      memory(row) && batch(row) && time(row) && grid.usd[row] <= limits.budget &&
      (judged ? grid.meets[row] === 1 : grid.latency[row] <= limits.slo);
  }

  // The cheapest, or the fastest, that lies within; among equals the better in the other figure, then the first.
  function best(grid, isWithin, goal) {
    const [first, second] = goal === "fastest" ? [grid.latency, grid.usd] : [grid.usd, grid.latency];
    let found = -1;
    for (let row = 0; row < first.length; row++) {
      if (!isWithin[row]) continue;
      const isBetter = found < 0 || first[row] < first[found] || (first[row] === first[found] && second[row] < second[found]);
      if (isBetter) found = row;
    }
    return found;
  }

  return { unpacked, exact, duration, money, percent, change, number, separated, memory, timeout, steps, within, best };
})();
