// Where on the screen the shape or line lies whose text begins with `text`, in the chart `title`; scrolls there.
async (title, text) => {
  const named = ({ ariaLabel }) => ariaLabel === `Chart: ${title}` || ariaLabel.startsWith(`Chart: ${title}.`);
  const svg = [...document.querySelectorAll("svg.chart")].find((svg) => named(svg) && svg.clientWidth > 0);
  svg.scrollIntoView({ block: "center" });
  // The page hides its box when it hears of the scrolling, which is with the next picture.
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  // The page takes the titles away when it first tells something; the test keeps them.
  svg.kept ??= [...svg.querySelectorAll("title")].map((title) => [title.textContent, title.parentNode]);
  const shape = svg.kept.find(([told]) => told.startsWith(text))?.[1];
  const line = [...svg.querySelectorAll("[data-readings]")].find(({ dataset }) => dataset.name === text);
  const { left, top, width, height } = (shape?.querySelector("circle") ?? shape ?? line).getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}
