// Paired differences of one backbone from the others: on the task that is shown, and their means over tasks.

const ROW_PX = 26;

function drawForest(place, models, state) {
  const rows = tables.differences.filter((row) => inMeasured(row) && row.partition === state.partition)
    .map((row) => seenFrom(row, state.against)).filter((row) => row && models.includes(row.rivalModel));
  const on = (dataset) => rows.filter((row) => row.dataset === dataset).sort((a, b) => a.difference - b.difference);
  const groups = [[state.task, on(state.task)], ...distinct(on(null).map((row) => row.n_datasets)).map((n) =>
    [`mean of ${n} tasks`, on(null).filter((row) => row.n_datasets === n)])].filter(([, of]) => of.length);
  if (!groups.length) {
    place.replaceChildren(html("p", { class: "empty" }, "Nobody to compare with on this task, with so many labels."));
    return;
  }
  const shown = groups.flatMap(([, of]) => of);
  const ties = shown.filter((row) => !row.apart).length;
  place.replaceChildren(html("figure", { class: "panel" },
    frame((width) => drawDifferences(groups, state, Math.max(240, width))),
    html("p", { class: "quiet" }, `Right of 0: ${state.against} is better. ${ties ? "Grey: not told apart. " : ""}Bars are paired 95 % intervals${shown.some((row) => row.low === null) ? "; without one the noise is unknown" : ""}.`),
    numbersBelow([["on", (r) => r.dataset ?? `mean of ${r.n_datasets}`], ["backbone", () => state.against], ["rival", (r) => r.rivalModel], ["difference", (r) => r.difference],
      ["low", (r) => r.low], ["high", (r) => r.high], ["told apart", (r) => r.apart ? "yes" : "no"]], shown, `differences ${state.against} ${state.task}`)));
}

// A row of two backbones as one of them sees it; null if it is neither.
function seenFrom(row, model) {
  if (row.model === model) return row;
  if (row.rivalModel !== model) return null;
  const minus = (value) => value === null ? null : -value;
  return { ...row, rivalModel: row.model, difference: -row.difference, low: minus(row.high), high: minus(row.low) };
}

const signed = (v) => `${v > 0 ? "+" : v < 0 ? "−" : ""}${format.any(Math.abs(v))}`;

function drawDifferences(groups, state, width) {
  const rows = groups.flatMap(([, of]) => of);
  const names = Math.min(24 + Math.max(...rows.map((row) => row.rivalModel.length)) * LETTER_PX, width * 0.45);
  const numbers = width > 430 ? 150 : 0;
  const domain = extent([0, ...rows.flatMap((row) => [row.difference, row.low, row.high])], "linear");
  const x = makeScale("linear", domain, [names + 8, width - numbers - 10]);
  const height = ROW_PX * (rows.length + groups.length) + 34;
  const bottom = height - 30;
  const root = svg("svg", { class: "plot forest", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0",
    "aria-label": `${state.against} minus each other backbone. Arrow keys step through the differences.` });
  root.append(...linearTicks(domain, Math.max(2, Math.floor((width - names - numbers) / 75))).flatMap((t) => [
    svg("line", { class: t === 0 ? "base" : "grid", x1: x(t), x2: x(t), y1: 4, y2: bottom }),
    svg("text", { x: x(t), y: bottom + 15, "text-anchor": "middle" }, t > 0 ? `+${format.tick(t)}` : format.tick(t).replace("-", "−"))]));
  const points = [];
  let y = 4;
  for (const [title, of] of groups) {
    root.append(svg("text", { class: "group", x: 0, y: y + 17 }, title));
    y += ROW_PX;
    for (const row of of) {
      root.append(drawDifference(row, state.style(row.rivalModel), x, y + ROW_PX / 2, names, numbers ? width - 4 : null));
      points.push({ at: [x(row.difference), y + ROW_PX / 2], tip: [`${state.against} − ${row.rivalModel}`,
        `${signed(row.difference)} ${format.interval(row.low, row.high, signed)}`, row.apart ? "told apart" : "not told apart", title] });
      y += ROW_PX;
    }
  }
  listenForPoints(root, points);
  return root;
}

function drawDifference(row, style, x, y, names, numbersAt) {
  const fit = Math.floor((names - 24) / LETTER_PX);
  const name = row.rivalModel.length > fit ? `${row.rivalModel.slice(0, fit - 1)}…` : row.rivalModel;
  return svg("g", { class: row.apart ? "series" : "series tie", "--c": style.colour },
    svg("g", { "--c": style.colour }, drawMarker(style, 9, y, 4)),
    svg("text", { class: "rival", x: 20, y: y + 4 }, name, svg("title", {}, row.rivalModel)),
    row.low === null ? null : svg("path", { class: "whisker", d: `M${x(row.low)},${y}H${x(row.high)}` }),
    svg("circle", { class: "estimate", cx: x(row.difference), cy: y, r: 4.5 }),
    numbersAt === null ? null : svg("text", { x: numbersAt, y: y + 4, "text-anchor": "end" }, `${signed(row.difference)} ${format.interval(row.low, row.high, signed)}`));
}
