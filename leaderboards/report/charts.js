// Ranking, label-efficiency curves and parameter efficiency.

function drawRanking(target, rows, state) {
  const ranked = rows.filter((row) => row.mean_rank !== null);
  const worst = Math.max(2, ...ranked.map((row) => row.n_ranked));
  const estimate = (value, low, high, one) =>
    html("td", { class: "number" }, one(value), " ", html("small", {}, format.interval(low, high, one)));
  const place = (row) => 1 + ranked.filter((other) => other.mean_rank < row.mean_rank).length;
  const body = ranked.map((row) => html("tr", {},
    html("td", { class: "number" }, String(place(row))),
    html("th", { scope: "row" }, named(state.style(row.model), row.model, row.source === "published"), " ", sourceBadge(row.source)),
    html("td", { class: "bar-cell" }, frame((width) => drawPlaces(row, place(row), worst, state.style(row.model), width))),
    html("td", { class: "number" }, row.ties ?? "–"),
    html("td", { class: "number" }, format.rank(row.mean_rank)),
    html("td", { class: "number" }, format.percent(row.win_rate)),
    estimate(row.score, row.score_low, row.score_high, format.score)));
  const heads = ["", "backbone", `place, 1 to ${worst}`, "tied", "mean rank", "win rate", "normalised score"];
  target.replaceChildren(ranked.length ? html("div", { class: "scroll" }, html("table", { class: "ranking" },
    html("thead", {}, html("tr", {}, heads.map((head, i) => html("th", { scope: "col", class: i > 2 ? "number" : null }, head)))),
    html("tbody", {}, body))) : html("p", { class: "empty" }, "Nothing is ranked here."), ...listUnranked(rows));
}

// An incomplete backbone would be ranked by what was skipped.
function listUnranked(rows) {
  const unranked = rows.filter((row) => row.mean_rank === null);
  if (!unranked.length) return [];
  const one = unranked.length === 1;
  return [html("details", { class: "unranked" },
    html("summary", {}, `${unranked.length} ${one ? "backbone is" : "backbones are"} not ranked: no score, or several settings, on some dataset`),
    html("table", {}, html("tbody", {}, unranked.map((row) => html("tr", {},
      html("th", { scope: "row" }, row.model, " ", sourceBadge(row.source)), html("td", {}, row.missing.join(", ")))))))];
}

function drawPlaces(row, place, worst, style, width) {
  const x = makeScale("linear", [1, worst], [7, width - 7]);
  return svg("svg", { class: "interval", width, height: 20, viewBox: `0 0 ${width} 20`, role: "img", "aria-label": `place ${place} of ${worst}` },
    Array.from({ length: Math.min(worst, 40) }, (_, i) => svg("line", { class: "grid", x1: x(i + 1), x2: x(i + 1), y1: 0, y2: 20 })),
    row.ties === null ? null : svg("path", { class: "whisker", "--c": style.colour, d: `M${x(row.place_low)},10H${x(row.place_high)}` }),
    drawMarker(style, x(place), 10, 5.5, row.source === "published"));
}

function drawCurves(place, points, state) {
  const axis = state.xKind === "share" ? { title: "share of the train split", of: (p) => shareOf(p.partition), format: (v) => `${+(100 * v).toPrecision(3)} %` }
    : { title: "labels, to fit and to choose", of: (p) => p.n_labels, format: format.count };
  const shown = points.filter((p) => axis.of(p) > 0);
  const lost = points.length - shown.length;
  const panels = [...groupBy(shown, (p) => JSON.stringify([p.dataset, p.metric])).values()];
  place.replaceChildren(...panels.map((rows) => {
    const series = [...groupBy(rows, (p) => JSON.stringify([p.model, p.setup, p.axis, p.source])).values()]
      .map((curve) => curveSeries(curve, rows, axis, state));
    return panel(rows[0].dataset, (width) => drawPlot({
      width, height: 250, label: `Label-efficiency curves on ${rows[0].dataset}`, series,
      x: { kind: state.xScale, title: axis.title, format: axis.format }, y: { title: metricOf(rows[0]), format: format.tick },
    }), numbersBelow([["backbone", (p) => p.model], ["partition", (p) => p.partition], ["labels", (p) => p.n_labels], ["score", (p) => p.value],
      ["low", (p) => p.ci_low], ["high", (p) => p.ci_high], ["seeds", (p) => p.n_seeds], ["source", (p) => p.source], ["setup", (p) => p.setup]], rows));
  }));
  if (!panels.length) place.append(html("p", { class: "empty" }, "No curve with this choice. Tick a dataset and a backbone above."));
  byId("curves-note").textContent = lost ? `${lost} points are not drawn, as nobody knows their ${axis.title.split(",")[0]}: see the other axis.` : "";
}

function curveSeries(curve, panelRows, axis, state) {
  const { model, setup, source } = curve[0];
  const several = distinct(panelRows.filter((p) => p.model === model && p.source === source).map((p) => p.setup)).length > 1;
  const name = [model, several ? `setup ${setup}` : "", source === "published" ? "(published)" : ""].filter(Boolean).join(" ");
  const best = [...groupBy(curve, axis.of).values()].map((same) => same.sort((a, b) => b.n_seeds - a.n_seeds || a.partition.localeCompare(b.partition))[0]);
  return {
    style: state.style(model), hollow: source === "published", line: true,
    points: best.sort((a, b) => axis.of(a) - axis.of(b)).map((p) => ({
      x: axis.of(p), y: p.value, low: p.ci_low, high: p.ci_high, tip: [name,
        `${p.metric} ${scored(p)(p.value)} ${format.interval(p.ci_low, p.ci_high, scored(p))}`,
        p.n_labels === null ? p.partition : `${p.n_labels} labels (${p.n_labels_fit} to fit, ${p.n_labels_select} to choose), ${p.partition}`,
        `${p.n_seeds} seed${p.n_seeds === 1 ? "" : "s"}, ${p.dataset}`],
    })),
  };
}

// What a score may cost: the column, whether the row is on its frontier, and in words.
const COSTS = {
  parameters: ["parameters", "frontier", "no smaller one is as good"],
  flops_per_image: ["operations per image", "frontier_flops", "none of fewer operations is as good"],
  peak_memory_bytes: ["bytes for an image", "frontier_memory", "none of less memory is as good"],
  images_per_second: ["images per second", "frontier_speed", "no faster one on the same device is as good"],
};

function costLine(row) {
  const known = [`${format.count(row.parameters)} parameters`];
  known.push(row.flops_per_image === null ? "FLOPs not counted" : `${format.count(row.flops_per_image)} FLOPs per image`);
  if (row.peak_memory_bytes !== null) known.push(`${format.count(row.peak_memory_bytes)}B of memory`);
  if (row.images_per_second !== null) known.push(`${format.count(row.images_per_second)} images/s on ${row.device}`);
  return known.join(", ");
}

function drawEfficiency(place, all, state, cost) {
  const [title, frontier, why] = COSTS[cost];
  const rows = all.filter((row) => row[cost] !== null);
  const panels = [...groupBy(rows, (row) => JSON.stringify([row.dataset, row.metric])).values()];
  place.replaceChildren(...panels.map((models) => panel(models[0].dataset, (width) => drawPlot({
    width, height: 230, label: `Score against ${title} on ${models[0].dataset}`,
    series: models.map((row) => ({
      style: state.style(row.model), hollow: row.source === "published", line: false,
      points: [{ x: Math.max(row[cost], 1), y: row.value, low: row.ci_low, high: row.ci_high, tip: [row.model,
        `${row.metric} ${scored(row)(row.value)} ${format.interval(row.ci_low, row.ci_high, scored(row))}`,
        costLine(row), row[frontier] ? `on the frontier: ${why}` : "not on the frontier"] }],
    })),
    x: { kind: "log", title, format: format.count }, y: { title: metricOf(models[0]), format: format.tick },
  }), numbersBelow([["backbone", (r) => r.model], ["parameters", (r) => r.parameters], ["FLOPs", (r) => r.flops_per_image], ["bytes", (r) => r.peak_memory_bytes], ["images/s", (r) => r.images_per_second], ["device", (r) => r.device], ["score", (r) => r.value],
    ["low", (r) => r.ci_low], ["high", (r) => r.ci_high], ["frontier", (r) => r[frontier] ? "yes" : "no"], ["source", (r) => r.source]], models))));
  if (!panels.length) place.append(html("p", { class: "empty" }, `Nobody measured the ${title} of these backbones.`));
}

function panel(title, draw, below) {
  return html("figure", { class: "panel" }, html("figcaption", {}, title), frame((width) => draw(Math.max(240, width))), below);
}
