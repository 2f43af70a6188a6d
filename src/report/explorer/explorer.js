// Limits to drag over the grid that the page carries, the best within them, and another configuration to set it against.
(async () => {
  const mount = document.getElementById("explorer");
  const about = JSON.parse(document.getElementById("explorer-about").textContent);
  // A browser of before 2023 cannot unpack it: the page is then as it is without scripts.
  if (!("DecompressionStream" in window)) return;
  const grid = await Grid.unpacked(document.getElementById("explorer-grid").textContent, about);
  // What decides: the simulated figures where there are some.
  const first = (a, b) => a.map((figure, row) => (Number.isNaN(figure) ? b[row] : figure));
  [grid.latency, grid.usd] = [first(grid.simulated_s, grid.predicted_s), first(grid.simulated_usd, grid.predicted_usd)];
  const front = [...grid.on_front.keys()].filter((row) => grid.on_front[row] === 1);
  front.sort((a, b) => grid.latency[a] - grid.latency[b]);

  const { percentile, slo_s: slo, budget_usd_per_million: budget } = about;
  const distinct = (figures) => [...new Set(figures)].sort((a, b) => a - b);
  const million = (usd) => `${Grid.money(usd)} a million`;
  const AXES = [
    { key: "slo", name: `${percentile} latency`, show: Grid.duration, steps: [...Grid.steps(grid.latency, slo), Infinity], own: slo },
    { key: "budget", name: "budget", show: million, steps: [...Grid.steps(grid.usd, budget), Infinity], own: budget },
    { key: "memory_mb", name: "memory", show: Grid.memory, steps: distinct(grid.memory_mb), exact: true },
    { key: "batch", name: "largest batch B", show: String, steps: distinct(grid.batch), exact: true },
    { key: "timeout_s", name: "timeout T", show: Grid.timeout, steps: distinct(grid.timeout_s), exact: true },
  ];
  const most = ({ steps }) => steps[steps.length - 1];
  let state; // the limits, which of them are exact, what is sought, and the pinned row
  const isWithin = new Uint8Array(about.rows);
  let chosen = -1;

  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "text") element.textContent = value;
      else if (value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  function beginning() {
    const limits = Object.fromEntries(AXES.map((axis) => [axis.key, axis.own ?? most(axis)]));
    return { ...limits, only: new Set(), goal: slo === null && budget !== null ? "fastest" : "cheapest", pin: about.best ?? -1 };
  }

  function isAtBeginning() {
    const begin = beginning();
    return !state.only.size && state.goal === begin.goal && AXES.every(({ key }) => state[key] === begin[key]);
  }

  // The address names what differs from the beginning.
  function address() {
    const begin = beginning();
    const parts = AXES.filter(({ key }) => state[key] !== begin[key]).map(({ key }) => `${key}=${state[key]}`);
    if (state.only.size) parts.push(`only=${[...state.only].join(",")}`);
    for (const key of ["goal", "pin"]) if (state[key] !== begin[key]) parts.push(`${key}=${state[key]}`);
    return parts.length ? `#${parts.join("&")}` : "#";
  }

  function fromAddress() {
    state = beginning();
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const axis of AXES) {
      const value = asked.has(axis.key) ? Number(asked.get(axis.key)) : NaN;
      if (axis.exact ? axis.steps.includes(value) : value > 0) state[axis.key] = value;
      if (!axis.exact && !axis.steps.includes(state[axis.key])) axis.steps = [...axis.steps, value].sort((a, b) => a - b);
    }
    state.only = new Set((asked.get("only") ?? "").split(",").filter((key) => AXES.some((axis) => axis.key === key && axis.exact)));
    if (["cheapest", "fastest"].includes(asked.get("goal"))) state.goal = asked.get("goal");
    const pin = Number(asked.get("pin") ?? NaN);
    if (Number.isInteger(pin) && pin >= 0 && pin < about.rows) state.pin = pin;
  }

  let saving;
  // Not at every step of a drag: browsers refuse an address that changes too often.
  function save() {
    clearTimeout(saving);
    saving = setTimeout(() => history.replaceState(null, "", address()), 250);
  }

  const show = {};
  function control(axis) {
    const id = `explorer-${axis.key}`;
    const value = make("output", { for: id });
    const slider = make("input", { type: "range", id, min: 0, step: 1 });
    const only = make("input", { type: "checkbox", id: `${id}-only` });
    slider.addEventListener("input", () => {
      state[axis.key] = axis.steps[slider.valueAsNumber];
      refresh();
    });
    only.addEventListener("input", () => {
      if (only.checked) state.only.add(axis.key);
      else state.only.delete(axis.key);
      refresh();
    });
    show[axis.key] = () => {
      const [limit, isOnly] = [state[axis.key], state.only.has(axis.key)];
      slider.max = axis.steps.length - 1;
      slider.value = axis.steps.indexOf(limit);
      only.checked = isOnly;
      const isAny = !isOnly && limit === most(axis);
      value.textContent = isAny ? "any" : `${isOnly ? "just" : "up to"} ${axis.show(limit)}`;
      slider.setAttribute("aria-valuetext", value.textContent);
      slider.dataset.limit = limit;
    };
    const just = axis.exact ? [make("label", { class: "just" }, only, " just this")] : [];
    return make("div", { class: "limit" }, make("label", { for: id, text: axis.name }), value, slider, ...just);
  }

  function goals() {
    const radio = (goal) => {
      const input = make("input", { type: "radio", name: "explorer-goal", value: goal });
      input.addEventListener("input", () => {
        state.goal = goal;
        refresh();
      });
      show[goal] = () => (input.checked = state.goal === goal);
      return make("label", {}, input, ` the ${goal}`);
    };
    return make("fieldset", {}, make("legend", { text: "Find" }), radio("cheapest"), radio("fastest"));
  }

  function button(text, action) {
    const made = make("button", { type: "button", text });
    made.addEventListener("click", () => {
      action();
      refresh();
    });
    return made;
  }

  function named(row) {
    const [memory, batch, more] = [grid.memory_mb[row], grid.batch[row], grid.provisioned[row]];
    const wait = batch === 1 ? "unbatched" : `B = ${batch}, T = ${Grid.timeout(grid.timeout_s[row])}`;
    return `${Grid.memory(memory)}${more ? `, ${more} provisioned` : ""}, ${wait}`;
  }

  function place(row) {
    const at = front.indexOf(row);
    if (at >= 0) return `${at + 1} of ${front.length} from the fastest`;
    const by = front.filter((other) => grid.latency[other] <= grid.latency[row] && grid.usd[other] <= grid.usd[row]).at(-1);
    return by === undefined ? "" : `behind ${named(by)}`;
  }

  // What is told of a configuration: a name, its figures, how they are shown, whether a difference is a share.
  const verdict = (meets) => (Number.isNaN(meets) ? "" : meets ? "yes" : "no");
  const FIGURES = [
    [percentile, grid.latency, Grid.duration],
    ["p50", grid.p50_s, Grid.duration],
    ["p99", percentile === "p99" ? [] : grid.p99_s, Grid.duration],
    [`predicted ${percentile}`, grid.simulated_s.some((figure) => figure >= 0) ? grid.predicted_s : [], Grid.duration],
    ["cost per million", grid.usd, Grid.money],
    ["cost per month", grid.usd_per_month, Grid.money],
    [slo === null ? "" : `over ${Grid.duration(slo)}`, slo === null ? [] : grid.late, Grid.percent],
    ["requests per batch", grid.mean_batch, Grid.number],
    ["cold starts", grid.cold_starts, Grid.percent],
  ].filter(([, figures]) => figures.some((figure) => !Number.isNaN(figure)));
  const table = make("tbody");
  const heads = [make("th", { scope: "col" }), make("th", { scope: "col", text: "pinned" }), make("th", { scope: "col", text: "difference" })];
  const lines = ["configuration", ...FIGURES.map(([name]) => name), "keeps the page's SLO", "place on the front"].map((name) => {
    const cells = [0, 1, 2].map(() => make("td"));
    table.append(make("tr", {}, make("th", { scope: "row", text: name }), ...cells));
    return cells;
  });

  function difference([name, figures, shown], row, pin) {
    const [a, b] = [figures[row], figures[pin]];
    if (Number.isNaN(a) || Number.isNaN(b)) return "";
    if (shown === Grid.percent) return a === b ? "0 points" : `${a > b ? "+" : ""}${Grid.number((a - b) * 100)} points`;
    return b === 0 ? "" : Grid.change(a / b - 1);
  }

  function fill() {
    const { pin } = state;
    const cell = (row, text) => (row < 0 ? "" : text(row));
    const both = (text) => [cell(chosen, text), cell(pin, text)];
    const rows = [
      [...both(named), ""],
      ...FIGURES.map((figure) => [
        ...both((row) => (Number.isNaN(figure[1][row]) ? "" : figure[2](figure[1][row]))),
        chosen < 0 || pin < 0 ? "" : difference(figure, chosen, pin),
      ]),
      [...both((row) => verdict(grid.meets[row])), ""],
      [...both(place), ""],
    ];
    rows.forEach((texts, line) => texts.forEach((text, column) => (lines[line][column].textContent = text)));
    heads[0].textContent = `the ${state.goal}`;
  }

  const answer = make("p", { class: "answer", role: "status" });
  function say() {
    if (chosen < 0) {
      answer.textContent = "No configuration lies within these limits.";
      return;
    }
    const month = grid.usd_per_month[chosen];
    const bill = Number.isNaN(month) ? "" : `, ${Grid.money(month)} a month`;
    const found = `${named(chosen)}: ${percentile} ${Grid.duration(grid.latency[chosen])}, ${million(grid.usd[chosen])}${bill}`;
    answer.textContent = `The ${state.goal} within the limits: ${found}.`;
  }

  const head = about.columns.join(",");
  const line = make("pre", { tabindex: 0 });
  // A row of the file, to the last digit.
  function fileRow(row) {
    const truth = (flag) => (Number.isNaN(flag) ? "" : String(flag === 1));
    const known = {
      memory_mb: grid.memory_mb, batch: grid.batch, timeout_s: grid.timeout_s, provisioned: grid.provisioned,
      predicted_p95_s: grid.predicted_s, predicted_cost_usd_per_million: grid.predicted_usd,
      simulated_p95_s: grid.simulated_s, simulated_cost_usd_per_million: grid.simulated_usd,
      simulated_p50_s: grid.p50_s, simulated_p99_s: grid.p99_s, simulated_slo_s: grid.simulated_s,
      simulated_violation_share: grid.late, simulated_mean_batch: grid.mean_batch,
      simulated_cold_start_share: grid.cold_starts, simulated_cost_usd_per_month: grid.usd_per_month,
    };
    const cell = (name) => {
      if (name === "meets_slo") return truth(grid.meets[row]);
      if (name === "on_front") return truth(grid.on_front[row]);
      return name === "percentile" ? percentile.slice(1) : Grid.exact(known[name][row]);
    };
    return about.columns.map(cell).join(",");
  }

  function refresh() {
    const test = Grid.within(grid, about, state);
    for (let row = 0; row < about.rows; row++) isWithin[row] = test(row) ? 1 : 0;
    // At the beginning the page's own answer, which may be one of several that are equally good.
    chosen = isAtBeginning() && about.best !== null ? about.best : Grid.best(grid, isWithin, state.goal);
    for (const update of Object.values(show)) update();
    say();
    fill();
    line.textContent = chosen < 0 || !head ? "" : `${head}\n${fileRow(chosen)}`;
    chart.draw(isWithin, chosen, state);
    save();
  }

  const canvas = make("canvas", { role: "img", "aria-label": `Chart: cost against ${percentile} latency of every configuration, with the limits` });
  const chart = Scene(canvas, grid, front, percentile);
  const key = make("figcaption", { text: "○ the one found   □ the pinned one (a click on a point pins it)   ┅ the limits   ━ the front, which nothing beats. Points within the limits are blue, the others faint." });
  canvas.addEventListener("click", (event) => {
    const row = chart.nearest(event);
    if (row < 0) return;
    state.pin = row;
    refresh();
  });
  const count = Grid.separated(String(about.rows));
  const share = about.rows < about.of ? ` whose latency was looked at (${Grid.separated(String(about.of))} were judged)` : "";
  const asFile = head ? [make("details", {}, make("summary", { text: `Its row of ${about.file}, to the last digit` }), line)] : [];
  mount.append(
    make("h2", { text: "Try other limits" }),
    make("p", { text: `Drag a limit: the best of the ${count} configurations${share} within all of them follows at once, from what this file holds. The address keeps the limits.` }),
    make("div", { class: "limits" }, ...AXES.filter(({ steps }) => steps.length > 1).map(control), goals()),
    answer,
    make("figure", {}, canvas, key),
    make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The configuration found beside the pinned one" },
      make("table", {}, make("thead", {}, make("tr", {}, make("td"), ...heads)), table)),
    make("p", { class: "buttons" }, button("Pin this one", () => (state.pin = chosen)), button("Back to the beginning", () => (state = beginning()))),
    ...asFile,
  );
  const restart = () => {
    chart.layout();
    refresh();
  };
  fromAddress();
  addEventListener("hashchange", () => {
    fromAddress();
    refresh();
  });
  new ResizeObserver(restart).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restart);
  restart();
  mount.dataset.ready = "";
})();
