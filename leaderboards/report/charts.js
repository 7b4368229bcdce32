// Ranking, label-efficiency curves and parameter efficiency.

function drawRanking(target, rows, state) {
  const ranked = rows.filter((row) => row.mean_rank !== null);
  fold("ranking", ranked.length ? null : "no backbone has a score on every task");
  const worst = Math.max(2, ...ranked.map((row) => row.n_ranked));
  const place = (row) => 1 + ranked.filter((other) => other.mean_rank < row.mean_rank).length;
  const body = ranked.filter((row) => state.models.has(row.model)).map((row) => html("tr", {},
    html("td", { class: "number" }, String(place(row))),
    html("th", { scope: "row" }, named(state.style(row.model), row.model, row.source === "published"), " ", sourceBadge(row.source)),
    html("td", { class: "bar-cell" }, frame((width) => drawPlaces(row, place(row), worst, state.style(row.model), width))),
    html("td", { class: "number" }, row.ties ?? "–"),
    html("td", { class: "number" }, row.ties === null ? "–" : `${row.wins} / ${row.undecided} / ${row.losses}`),
    html("td", { class: "number" }, format.rank(row.mean_rank)),
    html("td", { class: "number" }, format.score(row.score), " ", html("small", {}, format.interval(row.score_low, row.score_high, format.score)))));
  const heads = ["", "backbone", `place, 1 to ${worst}`, "tied", "won / undecided / lost", "mean rank", "normalised score"];
  target.replaceChildren(ranked.length ? html("div", { class: "scroll" }, html("table", { class: "ranking" },
    html("thead", {}, html("tr", {}, heads.map((head, i) => html("th", { scope: "col", class: i > 2 ? "number" : null }, head)))),
    html("tbody", {}, body))) : "", ...listUnranked(rows));
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

const POINT_COLUMNS = [["backbone", (p) => p.model], ["partition", (p) => p.partition], ["labels", (p) => p.n_labels], ["score", (p) => p.value],
  ["low", (p) => p.ci_low], ["high", (p) => p.ci_high], ["seeds", (p) => p.n_seeds], ["source", (p) => p.source], ["setup", (p) => p.setup]];
const AXES = {
  labels: { title: "labels, to fit and to choose", of: (p) => p.n_labels, format: format.count },
  share: { title: "share of the train split", of: (p) => shareOf(p.partition), format: (v) => `${+(100 * v).toPrecision(3)} %` },
};

// The curves of one task; large ones have their names at their ends where there is room for them.
function drawTask(rows, state, size) {
  const axis = AXES[state.xKind];
  const known = rows.filter((p) => axis.of(p) > 0);
  if (!known.length) return html("p", { class: "empty" }, `Nobody knows the ${axis.title} of these scores: choose the other axis.`);
  const series = [...groupBy(known, (p) => JSON.stringify([p.model, p.setup, p.axis, p.source])).values()]
    .sort((a, b) => a[0].model.localeCompare(b[0].model) || (a[0].axis === "images") - (b[0].axis === "images"))
    .map((curve) => curveSeries(curve, known, axis, state));
  for (const [i, one] of series.entries()) one.variant = series.slice(0, i).filter((other) => other.model === one.model).length;
  const [{ dataset }] = rows;
  return panel(dataset, (width) => drawPlot({
    width, height: size, named: width > 460, label: `Label-efficiency curves on ${dataset}`, series,
    x: { kind: "log", title: axis.title, format: axis.format }, y: { title: metricOf(rows[0]), format: format.tick },
  }), numbersBelow(POINT_COLUMNS, rows, `curves ${dataset}`));
}

function curveSeries(curve, panelRows, axis, state) {
  const { model, setup, source } = curve[0];
  const mine = panelRows.filter((p) => p.model === model && p.source === source);
  const name = [model, distinct(mine.map((p) => p.setup)).length > 1 ? `setup ${setup}` : "",
    distinct(panelRows.map((p) => p.axis)).length > 1 ? `by ${curve[0].axis}` : "", source === "published" ? "(published)" : ""].filter(Boolean).join(" ");
  const best = [...groupBy(curve, axis.of).values()].map((same) => same.sort((a, b) => b.n_seeds - a.n_seeds || a.partition.localeCompare(b.partition))[0]);
  return {
    name, model, style: state.style(model), hollow: source === "published", line: true,
    points: best.sort((a, b) => axis.of(a) - axis.of(b)).map((p) => ({
      x: axis.of(p), y: p.value, low: p.ci_low, high: p.ci_high, seeds: p.of_seeds, hollow: p.n_seeds === 1, tip: [name,
        `${p.metric} ${scored(p)(p.value)} ${format.interval(p.ci_low, p.ci_high, scored(p))}`,
        p.n_labels === null ? p.partition : `${p.n_labels} labels (${p.n_labels_fit} to fit, ${p.n_labels_select} to choose), ${p.partition}`,
        `${p.n_seeds} seed${p.n_seeds === 1 ? "" : "s"}, ${p.dataset}`],
    })),
  };
}

// The small pictures of all tasks; one task alone is in the large one already.
function drawTasks(place, points, state) {
  const tasks = [...groupBy(points, (p) => JSON.stringify([p.dataset, p.metric])).values()];
  fold("tasks", tasks.length > 1 ? null : "there is one task, shown above");
  place.replaceChildren(...tasks.length > 1 ? tasks.map((rows) => drawTask(rows, state, 230)) : []);
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
  fold("efficiency", panels.length ? null : `nobody measured the ${title} of these backbones`);
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
    ["low", (r) => r.ci_low], ["high", (r) => r.ci_high], ["frontier", (r) => r[frontier] ? "yes" : "no"], ["source", (r) => r.source]], models, `efficiency ${models[0].dataset}`))));
}

function panel(title, draw, below) {
  return html("figure", { class: "panel" }, html("figcaption", {}, title), frame((width) => draw(Math.max(240, width))), below);
}
