// Tables whose cells are coloured by what they say: label savings, and scores by dataset and backbone.

const NARROW = 9;

const SAVING_COLUMNS = [["backbone", (r) => r.model], ["rival", (r) => r.rivalModel], ["on", (r) => r.dataset ?? `median of ${r.n_datasets}`], ["saving", (r) => r.label_saving],
  ["low", (r) => r.saving_low], ["high", (r) => r.saving_high], ["labels needed", (r) => r.labels_needed], ["rival's labels", (r) => r.rival_labels]];

function drawSavings(place, rows, models, state) {
  const pairs = new Map(rows.map((row) => [JSON.stringify([row.model, row.rivalModel]), row]));
  const shown = models.filter((model) => rows.some((row) => row.model === model || row.rivalModel === model));
  fold("savings", shown.length ? null : "no two curves of two or more points to compare");
  place.replaceChildren(...shown.length ? [matrix("backbone \\ rival", shown, shown.map((model) => ({
    head: named(state.style(model), model),
    cells: shown.map((rival) => model === rival ? html("td", { class: "self" }) : savingCell(pairs.get(JSON.stringify([model, rival])))),
  })), state), numbersBelow(SAVING_COLUMNS, rows.filter((row) => models.includes(row.model) && models.includes(row.rivalModel)), "savings")] : []);
}

// Who needs many times as many labels does not need them counted.
const saving = (v) => v !== null && v < -1 ? "< −100 %" : format.percent(v);

// A saving, or a loss, is one only where its interval leaves out zero.
function savingCell(row) {
  if (!row) return html("td", { class: "missing" }, "–");
  const known = row.saving_high !== null;
  const kind = row.saving_low > 0 ? "gain" : known && row.saving_high < 0 ? "loss" : "unsure";
  const interval = format.interval(row.saving_low, row.saving_high, saving);
  const reached = "n_datasets" in row ? `Median over ${row.n_datasets} tasks; reaches ${row.rivalModel}'s score on ${row.n_reached}.`
    : `${row.labels_needed === null ? "Never reaches" : `${format.count(row.labels_needed)} labels for`} a score of ${scored(row)(row.rival_value)}; ${row.rivalModel} used ${format.count(row.rival_labels)}.`;
  return html("td", { class: kind, ...explained(`${row.model} and ${row.rivalModel}`, reached,
    known ? `95 % interval ${interval}${kind === "unsure" ? ", which holds 0" : ""}` : "No interval: the noise of a point is not known.") },
  kind !== "unsure" ? `${row.at_most ? "≥ " : ""}${saving(row.label_saving)} ` : known ? "" : "unknown", known ? html("small", {}, interval) : null);
}

function drawHeat(place, points, datasets, models, state) {
  const cells = groupBy(points, (p) => JSON.stringify([p.dataset, p.model]));
  const shown = models.filter((model) => points.some((p) => p.model === model));
  fold("heat", shown.length ? null : "no scores with this choice");
  place.replaceChildren(matrix("task", shown, datasets.map((dataset) => {
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
  return html("td", { class: "heat", "--t": t, ...explained(`${point.model} on ${point.dataset}`, `${metricOf(point)} ${scored(point)(point.value)} ${interval}`, `${point.n_seeds} seeds${more}`) },
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
  const sure = distinct(rows.filter((row) => row.mark === "!!").map((row) => row.told)).length;
  place.replaceChildren(html("details", { open: sure > 0 }, html("summary", {}, `${lines.length} points, ${sure} of them beyond noise`),
    html("ul", {}, lines.map((line) => html("li", {}, line)))));
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
