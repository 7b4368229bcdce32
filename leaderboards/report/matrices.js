// Tables whose cells are coloured by what they say: label savings, and scores by dataset and backbone.

const NARROW = 9;

function drawSavings(place, rows, models, state) {
  const cells = new Map(rows.map((row) => [JSON.stringify([row.model, row.rivalModel]), row]));
  const shown = models.filter((model) => rows.some((row) => row.model === model || row.rivalModel === model));
  if (!shown.length) {
    place.replaceChildren(html("p", { class: "empty" }, "No two curves of two or more points to compare here."));
    return;
  }
  place.replaceChildren(matrix("backbone \\ rival", shown, shown.map((model) => ({
    head: named(state.style(model), model),
    cells: shown.map((rival) => savingCell(model, rival, cells.get(JSON.stringify([model, rival])))),
  })), state), numbersBelow([["backbone", (r) => r.model], ["rival", (r) => r.rivalModel], ["saving", (r) => r.label_saving], ["low", (r) => r.saving_low],
    ["high", (r) => r.saving_high], ["labels needed", (r) => r.labels_needed], ["rival's labels", (r) => r.rival_labels], ["datasets", (r) => r.n_datasets ?? 1]],
  rows.filter((row) => models.includes(row.model) && models.includes(row.rivalModel))));
}

function savingCell(model, rival, row) {
  if (model === rival) return html("td", { class: "self" });
  if (!row) return html("td", { class: "missing" }, "–");
  const sure = row.saving_low > 0 || row.saving_high < 0;
  if (sure && row.labels_needed === null) {
    return html("td", { class: "never", ...explained(`${model} and ${rival}`, `Does not reach ${rival}'s score with all its labels.`) }, "never");
  }
  const kind = !sure ? "" : row.label_saving >= 0 ? "gain" : "loss";
  return html("td", { class: kind, "--t": Math.min(1, Math.abs(row.label_saving)), ...explained(`${model} and ${rival}`, ...savingLines(model, rival, row)) },
    sure ? `${row.at_most ? "≥ " : ""}${format.percent(row.label_saving)}` : "tie");
}

function savingLines(model, rival, row) {
  const interval = row.saving_high === null ? "no interval: the noise of a point is not known"
    : `95 % interval ${format.interval(row.saving_low, row.saving_high, format.percent)}`;
  if ("n_datasets" in row) {
    return [`Median over ${row.n_datasets} datasets; reaches ${rival}'s score on ${row.n_reached}.`, interval];
  }
  const needed = row.labels_needed === null ? "never reaches" : `${format.count(row.labels_needed)} labels for`;
  return [`${needed} a score of ${scored(row)(row.rival_value)}; ${rival} used ${format.count(row.rival_labels)}.`, interval];
}

function drawHeat(place, points, datasets, models, state) {
  const cells = groupBy(points, (p) => JSON.stringify([p.dataset, p.model]));
  const shown = models.filter((model) => points.some((p) => p.model === model));
  if (!shown.length) {
    place.replaceChildren(html("p", { class: "empty" }, "No scores with this choice."));
    return;
  }
  place.replaceChildren(matrix("dataset", shown, datasets.map((dataset) => {
    const values = points.filter((p) => p.dataset === dataset).map((p) => p.value);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return { head: [dataset], cells: shown.map((model) => heatCell(cells.get(JSON.stringify([dataset, model])), low, high)) };
  }), state));
}

function heatCell(points, low, high) {
  if (!points) return html("td", { class: "missing", ...explained("No score", "Not run, or undefined.") }, "missing");
  const [point] = points;
  const share = high > low ? (point.value - low) / (high - low) : 0.5;
  const t = point.higher_is_better ? share : 1 - share;
  const interval = format.interval(point.ci_low, point.ci_high, scored(point));
  const more = points.length > 1 ? `; the first of ${points.length} settings` : "";
  return html("td", { class: t > 0.62 ? "heat strong" : "heat", "--t": t, ...explained(`${point.model} on ${point.dataset}`, `${metricOf(point)} ${scored(point)(point.value)} ${interval}`, `${point.n_seeds} seeds${more}`) },
    scored(point)(point.value), point.source === "published" ? html("sup", { title: "published" }, "P") : null, points.length > 1 ? html("sup", {}, "*") : null);
}

function matrix(corner, columns, rows, state) {
  return html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": corner }, html("table", { class: columns.length > NARROW ? "matrix dense" : "matrix" },
    html("thead", {}, html("tr", {}, html("th", { scope: "col" }, corner),
      columns.map((model) => html("th", { scope: "col" }, swatch(state.style(model)), html("span", {}, breakable(model)))))),
    html("tbody", {}, rows.map(({ head, cells }) => html("tr", {}, html("th", { scope: "row" }, head), cells)))));
}

// Ours before those of others, one line a point.
function drawAlarms(place, rows) {
  byId("alarms").hidden = !rows.length;
  const lines = distinct(rows.toSorted((a, b) => a.source.localeCompare(b.source)).map((row) => row.told));
  place.replaceChildren(html("ul", {}, lines.map((line) => html("li", {}, line))));
}

function drawGaps(place, rows) {
  byId("gaps").hidden = !rows.length;
  place.replaceChildren(html("table", {},
    html("thead", {}, html("tr", {}, ["dataset", "protocol", "partition", "backbone", "ours", "published", "gap", "published by"]
      .map((head, i) => html("th", { scope: "col", class: i > 3 && i < 7 ? "number" : null }, head)))),
    html("tbody", {}, rows.map((row) => html("tr", {},
      [row.dataset, row.protocol, row.partition, row.model].map((text) => html("td", {}, text)),
      html("td", { class: "number" }, scored(row)(row.value)),
      html("td", { class: "number" }, scored(row)(row.published_value)),
      html("td", { class: "number" }, `${row.gap > 0 ? "+" : ""}${scored(row)(row.gap)} `, html("small", {}, format.interval(row.ci_low, row.ci_high, scored(row)))),
      html("td", {}, row.published_in ?? "unknown"))))));
}
