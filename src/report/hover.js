// Tells what is nearest to the pointer, the finger or the keyboard's place in a chart. The texts are the titles of shapes
// and the readings of lines in the chart itself: where scripts do not run, browsers show the titles in their own way.
"use strict";
(() => {
  const REACH = 20; // pixels of the screen
  const ring = added("ring");
  const tip = added("tip");
  let told; // the frame of the chart that is told of
  tip.setAttribute("role", "status");

  function added(name) {
    const element = document.body.appendChild(document.createElement("div"));
    element.className = name;
    element.hidden = true;
    return element;
  }

  // Distances from (x, y), in the chart's units.
  function toStretch(x, y, [ax, ay], [bx, by]) {
    const [dx, dy] = [bx - ax, by - ay];
    const part = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1);
    const on = Math.min(Math.max(part, 0), 1);
    return Math.hypot(x - ax - on * dx, y - ay - on * dy);
  }

  function toBox(x, y, { left, top, right, bottom }) {
    return Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
  }

  // A point, a bar, a cell or a mark. A point is preferred to what it lies upon.
  function shape(element, text) {
    const disc = element.querySelector("circle");
    if (disc) {
      const [cx, cy] = [disc.cx.baseVal.value, disc.cy.baseVal.value];
      return { text, at: [cx, cy], isPoint: true, distance: (x, y) => Math.hypot(x - cx, y - cy) };
    }
    const { x: left, y: top, width, height } = element.getBBox();
    const box = { left, top, right: left + width, bottom: top + height };
    const at = [left + width / 2, top + height / 2];
    return { text, at, isPoint: false, distance: (x, y) => 80 + toBox(x, y, box) };
  }

  // The points of a line, each with the stretches of the line that belong to it.
  function line({ dataset }) {
    const points = dataset.readings.split("|").map((reading) => {
      const [x, y, ...values] = reading.split(";");
      return { at: [Number(x), Number(y)], values };
    });
    const between = (a, b, step) => ("steps" in dataset ? step : [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
    return points.map(({ at, values }, index) => {
      const [before, after] = [points[index - 1]?.at ?? at, points[index + 1]?.at ?? at];
      const begin = between(before, at, [at[0], before[1]]);
      const end = between(at, after, [after[0], at[1]]);
      const lines = [dataset.name, `${dataset.x}: ${values[0]}`, `${dataset.y}: ${values[1]}`];
      const distance = (x, y) => Math.min(toStretch(x, y, begin, at), toStretch(x, y, at, end));
      return { text: lines.filter(Boolean).join("\n"), at, isPoint: true, distance };
    });
  }

  // From left to right. The titles go, lest the browser show them as well.
  function targets(svg) {
    const shapes = [...svg.querySelectorAll("title")].map((title) => {
      const [element, text] = [title.parentNode, title.textContent];
      title.remove();
      return shape(element, text);
    });
    const lines = [...svg.querySelectorAll("[data-readings]:not([data-readings=''])")].flatMap(line);
    return [...shapes, ...lines].sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1]);
  }

  function hide() {
    ring.hidden = tip.hidden = true;
  }

  // Shows a target's text beside a place on the screen, within the window.
  function show(target, all, frame, [x, y]) {
    const here = all.filter(({ at }) => at[0] === target.at[0] && at[1] === target.at[1]);
    const name = ({ text }) => text.split("\n")[0];
    const others = [...new Set(here.map(name))].filter((other) => other !== name(target));
    const more = others.length > 3 ? `; ${others.length - 3} more` : "";
    tip.textContent = target.text + (others.length ? `\nalso here: ${others.slice(0, 3).join("; ")}${more}` : "");
    told = frame;
    ring.hidden = !target.isPoint;
    tip.hidden = false;
    [ring.style.left, ring.style.top] = frame.onScreen(target.at).map((value) => `${value}px`);
    const most = document.documentElement.clientWidth - tip.offsetWidth - 6;
    const above = y - tip.offsetHeight - 14;
    tip.style.left = `${Math.max(6, Math.min(x + 14, most))}px`;
    tip.style.top = `${above < 6 ? y + 18 : above}px`;
  }

  // How the chart's units lie on the screen.
  function placed(svg) {
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    return {
      svg,
      scale,
      hasMoved: () => {
        const { left, top } = svg.getBoundingClientRect();
        return Math.hypot(left - box.left, top - box.top) > 1;
      },
      onScreen: ([x, y]) => [box.left + x * scale, box.top + y * scale],
      inChart: ({ clientX, clientY }) => [(clientX - box.left) / scale, (clientY - box.top) / scale],
    };
  }

  function attend(svg) {
    let all;
    let current = -1;
    const known = () => (all ??= targets(svg));
    const point = (event) => {
      const frame = placed(svg);
      const [x, y] = frame.inChart(event);
      let [nearest, least] = [null, REACH / frame.scale];
      for (const target of known()) {
        const distance = target.distance(x, y);
        if (distance <= least) [nearest, least] = [target, distance];
      }
      if (nearest) show(nearest, all, frame, [event.clientX, event.clientY]);
      else hide();
    };
    const step = (event) => {
      const last = known().length - 1;
      const next = { ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: last }[event.key];
      if (event.key === "Escape") hide();
      if (next === undefined || last < 0) return;
      event.preventDefault();
      current = Math.min(Math.max(next, 0), last);
      const frame = placed(svg);
      show(all[current], all, frame, frame.onScreen(all[current].at));
    };
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("aria-description", "Arrow keys tell the values.");
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
    svg.addEventListener("keydown", step);
    // A tap on another chart tells of that one first, and only then takes the focus from here.
    svg.addEventListener("blur", () => told?.svg === svg && hide());
  }

  document.querySelectorAll("svg.chart").forEach(attend);
  document.addEventListener("pointerdown", (event) => event.target.closest("svg.chart") || hide());
  addEventListener("scroll", () => told?.hasMoved() && hide(), { passive: true });
})();
