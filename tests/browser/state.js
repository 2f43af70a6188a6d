// What tests/browser/main.rs asserts of a page.
(() => {
  const charts = [...document.querySelectorAll("svg.chart")].filter((svg) => {
    const { width, height } = svg.getBoundingClientRect();
    return width > 100 && height > 50;
  });
  const outside = (inner, outer) =>
    inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
  // A hair's breadth is no overlap: boxes of text are higher than its letters.
  const overlap = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  const texts = (svg) =>
    [...svg.querySelectorAll("text")].map((text) => [text.textContent.trim(), text.getBoundingClientRect()]);
  const overlapping = charts.flatMap((svg) => {
    const all = texts(svg);
    return all.flatMap(([text, box], i) =>
      all.slice(i + 1).filter(([, other]) => overlap(box, other)).map(([other]) => [svg.ariaLabel, text, other]));
  });
  return {
    charts: charts.length,
    unnamed: charts.filter((svg) => !svg.ariaLabel).length,
    pageWidth: document.documentElement.scrollWidth,
    windowWidth: document.documentElement.clientWidth,
    cut: charts.flatMap((svg) =>
      texts(svg).filter(([, box]) => outside(box, svg.getBoundingClientRect())).map(([text]) => [svg.ariaLabel, text])),
    overlapping,
    language: document.documentElement.lang,
  };
})()
