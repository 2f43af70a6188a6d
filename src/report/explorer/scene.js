// The explorer's chart: every configuration, drawn anew at each step of a drag.
function Scene(canvas, grid, front, percentile) {
  const MARGIN = { left: 56, right: 14, top: 12, bottom: 40 };
  const logs = (figures) => Float64Array.from(figures, (figure) => Math.log10(figure));
  const [x, y] = [logs(grid.latency), logs(grid.usd)];
  const range = (values) => {
    const finite = values.filter(Number.isFinite);
    const [low, high] = finite.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
    const gap = Math.max(0.02, (high - low) * 0.03);
    return [low - gap, high + gap];
  };
  const [[x0, x1], [y0, y1]] = [range(x), range(y)];
  const pen = canvas.getContext("2d");
  let [width, height, ratio] = [0, 0, 1];
  let at; // where each row's pixel is, as an offset into the picture
  let picture;
  let colours;

  const toX = (log) => MARGIN.left + ((log - x0) / (x1 - x0)) * (width - MARGIN.left - MARGIN.right);
  const toY = (log) => height - MARGIN.bottom - ((log - y0) / (y1 - y0)) * (height - MARGIN.top - MARGIN.bottom);

  // A colour of the page, as text and as a pixel.
  function colour(name) {
    const text = getComputedStyle(canvas).getPropertyValue(`--${name}`).trim();
    const [red, green, blue] = [1, 3, 5].map((from) => parseInt(text.slice(from, from + 2), 16));
    return { text, pixel: ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0 };
  }

  function layout() {
    ratio = Math.min(2, devicePixelRatio || 1);
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    colours = Object.fromEntries(["ink", "muted", "grid", "link", "accent", "surface"].map((name) => [name, colour(name)]));
    picture = canvas.width && canvas.height ? pen.createImageData(canvas.width, canvas.height) : null;
    at = Int32Array.from(x, (log, row) => {
      const [left, top] = [Math.round(toX(log) * ratio), Math.round(toY(y[row]) * ratio)];
      const isInside = left > 2 && top > 2 && left < canvas.width - 3 && top < canvas.height - 3;
      return isInside ? top * canvas.width + left : -1;
    });
  }

  function points(isWithin) {
    const pixels = new Uint32Array(picture.data.buffer);
    pixels.fill(0);
    // The more points, the smaller.
    const [first, last] = at.length > 5000 ? [0, 1] : at.length > 500 ? [-1, 1] : [-2, 2];
    // Those within the limits come last, upon the others.
    for (const [pass, paint] of [[0, colours.grid.pixel], [1, colours.link.pixel]]) {
      for (let row = 0; row < at.length; row++) {
        if (isWithin[row] !== pass || at[row] < 0) continue;
        for (let down = first; down <= last; down++) {
          const start = at[row] + down * canvas.width;
          for (let right = first; right <= last; right++) pixels[start + right] = paint;
        }
      }
    }
    pen.putImageData(picture, 0, 0);
  }

  function between(low, high, step) {
    const first = Math.ceil(low / step);
    const count = Math.floor(high / step) - first + 1;
    return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
  }

  // As many of each power of ten as there is room for.
  function ticks(low, high, room) {
    const inside = (digits) => {
      const all = [];
      for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
        for (const digit of digits) all.push(Number(`${digit}e${power}`));
      }
      return all.filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high);
    };
    const fine = inside([1, 1.5, 2, 3, 4, 5, 7]);
    const [usual, powers] = [inside([1, 2, 5]), inside([1])];
    // Within less than a power of ten, steps of one length are as many as those.
    const step = [1, 2, 5, 10, 20, 50].map((digits) => digits * 10 ** (Math.floor(high) - 2)).find((step) => (10 ** high - 10 ** low) / step <= room);
    if (fine.length < 3 && step) return between(10 ** low, 10 ** high, step);
    return [fine, usual].find((ticks) => ticks.length <= room) ?? (powers.length > 1 ? powers : usual);
  }

  function axes() {
    pen.font = "12px system-ui, sans-serif";
    pen.lineWidth = 1;
    [pen.textAlign, pen.textBaseline] = ["center", "top"];
    const stroke = (path, paint, dash = []) => {
      pen.setLineDash(dash);
      pen.strokeStyle = paint;
      pen.beginPath();
      path.forEach(([left, top], index) => (index ? pen.lineTo(left, top) : pen.moveTo(left, top)));
      pen.stroke();
      pen.setLineDash([]);
    };
    const [bottom, right] = [height - MARGIN.bottom, width - MARGIN.right];
    for (const tick of ticks(x0, x1, width / 70)) {
      const left = toX(Math.log10(tick));
      stroke([[left, MARGIN.top], [left, bottom]], colours.grid.text);
      pen.fillStyle = colours.muted.text;
      pen.fillText(Grid.duration(tick), left, bottom + 5);
    }
    [pen.textAlign, pen.textBaseline] = ["right", "middle"];
    for (const tick of ticks(y0, y1, height / 28)) {
      const top = toY(Math.log10(tick));
      stroke([[MARGIN.left, top], [right, top]], colours.grid.text);
      pen.fillStyle = colours.muted.text;
      pen.fillText(`$${Grid.number(tick)}`, MARGIN.left - 6, top);
    }
    [pen.textAlign, pen.textBaseline] = ["right", "alphabetic"];
    pen.fillStyle = colours.ink.text;
    pen.fillText(`${percentile} latency (log)`, right, height - 5);
    pen.textAlign = "left";
    pen.fillText("$ per million requests (log)", 4, height - 5);
    return stroke;
  }

  function draw(isWithin, chosen, { slo, budget, pin }) {
    if (!picture) return;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    points(isWithin);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.globalCompositeOperation = "destination-over";
    const stroke = axes();
    pen.globalCompositeOperation = "source-over";
    pen.lineWidth = 2.5;
    const corners = front.flatMap((row, index) => {
      const [left, top] = [toX(x[row]), toY(y[row])];
      return index ? [[left, toY(y[front[index - 1]])], [left, top]] : [[left, top]];
    });
    stroke(corners, colours.accent.text);
    if (Number.isFinite(slo)) stroke([[toX(Math.log10(slo)), MARGIN.top], [toX(Math.log10(slo)), height - MARGIN.bottom]], colours.ink.text, [5, 4]);
    if (Number.isFinite(budget)) stroke([[MARGIN.left, toY(Math.log10(budget))], [width - MARGIN.right, toY(Math.log10(budget))]], colours.ink.text, [5, 4]);
    // Each mark upon a broader one of the background's colour.
    for (const [broad, paint] of [[5, colours.surface.text], [2.5, colours.ink.text]]) {
      [pen.lineWidth, pen.strokeStyle] = [broad, paint];
      if (pin >= 0) pen.strokeRect(toX(x[pin]) - 6, toY(y[pin]) - 6, 12, 12);
      if (chosen < 0) continue;
      pen.beginPath();
      pen.arc(toX(x[chosen]), toY(y[chosen]), 11, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  // The row that is nearest to the pointer, within reach of a finger.
  function nearest({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    const [left, top] = [clientX - box.left, clientY - box.top];
    let [found, least] = [-1, 22];
    for (let row = 0; row < x.length; row++) {
      const distance = Math.hypot(toX(x[row]) - left, toY(y[row]) - top);
      if (distance < least) [found, least] = [row, distance];
    }
    return found;
  }

  return { layout, draw, nearest };
}
