// All scores: a table to filter, sort and leaf through, of means over seeds or of single runs, and a dialog with all that is
// known about one run.

const PAGE_ROWS = 50;
const FILTERS = ["dataset", "model", "protocol", "partition", "source"];
const COLUMNS = [
  ["backbone", "model"], ["dataset", "dataset"], ["protocol", "protocol"], ["partition", "partition"], ["seeds", "n_seeds"], ["seed", "seed"],
  ["labels", "n_labels"], ["metric", "metric"], ["score", "value"], ["95 % interval", "ci_low"],
];
const NUMBERS = new Set(["n_seeds", "seed", "n_labels", "value", "ci_low"]);
const tableState = { grain: "means", sort: "value", descending: true, page: 0, text: "", filters: {}, suite: null };

for (const rows of [tables.runs, tables.points]) rows.forEach((row, i) => { row.at = i; });
const shownColumns = () => COLUMNS.filter(([, name]) => name !== (tableState.grain === "means" ? "seed" : "n_seeds"));

function chosenRows() {
  const words = tableState.text.toLowerCase().split(/\s+/).filter(Boolean);
  const filters = Object.entries(tableState.filters).filter(([, value]) => value !== "");
  const rows = (tableState.grain === "means" ? tables.points : tables.runs).filter((row) => row.suite === tableState.suite
    && filters.every(([name, value]) => row[name] === value) && words.every((word) => haystack(row).includes(word) || row.run_id?.startsWith(word)));
  const { sort, descending } = tableState;
  const sign = descending ? -1 : 1;
  const compare = (a, b) => {
    if (sort === "value" || sort === "ci_low") return (a.higher_is_better ? 1 : -1) * (a[sort] - b[sort]);  // best first, whichever way it points
    return NUMBERS.has(sort) ? a[sort] - b[sort] : sort === "partition" ? byPartition(a[sort], b[sort]) : a[sort].localeCompare(b[sort]);
  };
  const scores = sort === "value" || sort === "ci_low";
  return rows.sort((a, b) => (scores ? a.metric.localeCompare(b.metric) : 0)  // scores of different metrics are never in one order
    || (a[sort] === null || b[sort] === null ? (a[sort] === null) - (b[sort] === null) : sign * compare(a, b)) || a.at - b.at);
}

function haystack(row) {
  row.haystack ??= [row.model, row.dataset, row.protocol, row.partition, row.metric, row.source, row.selection, `seed=${row.seed}`]
    .join(" ").toLowerCase();
  return row.haystack;
}

function drawTable() {
  const rows = chosenRows();
  const last = Math.max(0, Math.ceil(rows.length / PAGE_ROWS) - 1);
  tableState.page = Math.min(tableState.page, last);
  const from = tableState.page * PAGE_ROWS;
  byId("runs-head").replaceChildren(html("tr", {}, shownColumns().map(([title, name]) => headCell(title, name))));
  byId("runs-body").replaceChildren(...rows.slice(from, from + PAGE_ROWS).map(scoreRow));
  byId("runs-count").textContent = rows.length
    ? `${from + 1} – ${Math.min(from + PAGE_ROWS, rows.length)} of ${rows.length} ${tableState.grain === "means" ? "means" : "runs"}` : "Nothing matches; clear a filter.";
  byId("runs-grain").addEventListener("change", (event) => { Object.assign(tableState, { grain: event.target.value, page: 0 }); drawTable(); });
  byId("runs-csv").addEventListener("click", () => saveFile("scores.csv", "text/csv", csvOf(
    [...shownColumns().slice(0, -1).map(([title, name]) => [title, (row) => row[name]]), ["low", (row) => row.ci_low], ["high", (row) => row.ci_high]], chosenRows())));
  byId("runs-previous").disabled = tableState.page === 0;
  byId("runs-next").disabled = tableState.page === last;
}

function headCell(title, name) {
  const sorted = tableState.sort === name;
  const direction = tableState.descending ? "descending" : "ascending";
  const sort = () => {
    Object.assign(tableState, sorted ? { descending: !tableState.descending } : { sort: name, descending: NUMBERS.has(name) }, { page: 0 });
    drawTable();
    byId("runs-head").querySelector(`[data-column="${name}"]`).focus();
  };
  return html("th", { scope: "col", class: NUMBERS.has(name) ? "number" : null, "aria-sort": sorted ? direction : null },
    html("button", { type: "button", "data-column": name, onclick: sort }, title, html("span", { "aria-hidden": "true" }, sorted ? (tableState.descending ? " ▾" : " ▴") : "")));
}

function scoreRow(row) {
  const open = html("button", { type: "button", class: "link", onclick: () => row.run_id ? showRun(row) : showRunsOf(row) }, row.model);
  const number = (value) => html("td", { class: "number" }, value === null ? "–" : String(value));
  return html("tr", { class: row.source },
    html("td", {}, open, " ", sourceBadge(row.source)),
    [row.dataset, row.protocol, row.partition].map((text) => html("td", {}, text)),
    number(row.run_id ? row.seed : row.n_seeds), number(row.n_labels),
    html("td", {}, metricOf(row)),
    html("td", { class: "number" }, scored(row)(row.value), alarmOf(row)),
    html("td", { class: "number" }, format.interval(row.ci_low, row.ci_high, scored(row))));
}

// From a mean to the runs that it is of.
function showRunsOf(row) {
  tableState.grain = byId("runs-grain").value = "runs";
  for (const name of FILTERS) tableState.filters[name] = byId(`runs-${name}`).value = row[name];
  tableState.page = 0;
  drawTable();
}

function alarmOf(row) {
  const alarm = alarms.get(row.run_id);
  return alarm ? html("sup", { title: alarm.told }, alarm.mark) : null;
}

function resetFilters(suite) {
  Object.assign(tableState, { suite, page: 0, filters: {}, text: "" });
  byId("runs-text").value = "";
  const rows = tables.runs.filter((row) => row.suite === suite);
  for (const name of FILTERS) {
    const values = distinct(rows.map((row) => row[name])).sort(name === "partition" ? byPartition : undefined);
    const chosen = name === "source" && values.includes("measured") ? "measured" : "";
    tableState.filters[name] = fillSelect(byId(`runs-${name}`), [["", "all"], ...values.map((value) => [value, value])], chosen);
  }
}

function startTable() {
  byId("runs-text").addEventListener("input", (event) => { Object.assign(tableState, { text: event.target.value, page: 0 }); drawTable(); });
  for (const name of FILTERS) {
    byId(`runs-${name}`).addEventListener("change", (event) => { tableState.filters[name] = event.target.value; tableState.page = 0; drawTable(); });
  }
  byId("runs-previous").addEventListener("click", () => { tableState.page--; drawTable(); });
  byId("runs-next").addEventListener("click", () => { tableState.page++; drawTable(); });
  byId("run-close").addEventListener("click", () => byId("run").close());
}

// The second block is large and seldom looked at, so it is read when the first run is opened.
let details = null;
function readDetails() {
  const block = readBlock("details-data");
  let offset = 0;
  const offsets = block.n_metrics.map((n) => { offset += n; return offset - n; });
  const parts = Object.fromEntries(["configuration", "provenance", "commands", "run", "metrics"].map((name) => [name, decodeTable(block[name])]));
  return { ...parts, metricsOf: (i) => parts.metrics.slice(offsets[i], offsets[i] + block.n_metrics[i]) };
}

function showRun(row) {
  details ??= readDetails();
  const sections = [
    html("table", {}, html("thead", {}, html("tr", {}, ["split", "metric", "value", "95 % interval"].map((head) => html("th", { scope: "col" }, head)))),
      html("tbody", {}, details.metricsOf(row.at).map((m) => html("tr", {}, html("td", {}, m.split), html("td", {}, m.metric),
        html("td", { class: "number" }, format.any(m.value)), html("td", { class: "number" }, format.interval(m.ci_low, m.ci_high, format.any)))))),
    facts("Run", details.run[row.at]), facts("Configuration", details.configuration[row.at]), facts("Provenance", details.provenance[row.at]),
  ];
  byId("run-title").replaceChildren(`${row.model} on ${row.dataset} `, sourceBadge(row.source) ?? "", SIMULATED.includes(row.suite) ? badge("simulated") : "");
  byId("run-body").replaceChildren(
    html("p", {}, `${row.protocol}, ${row.partition}${row.seed === null ? "" : `, seed ${row.seed}`}. run_id `, html("code", {}, row.run_id)),
    row.source === "measured" ? html("p", {}, "The command that makes it again: ", html("code", {}, commandOf(row))) : "",
    ...sections);
  byId("run").showModal();
}

// Kept option by option, as most are the same in thousands of runs.
function commandOf(row) {
  const options = Object.entries(details.commands[row.at]).filter(([, value]) => value !== null);
  return options.length ? options.map(([option, value]) => option + value).join("") : `python -m harness show ${row.run_id.slice(0, 8)}`;
}

function facts(title, values) {
  const known = Object.entries(values).filter(([, value]) => value !== null);
  if (!known.length) return "";
  return html("section", {}, html("h3", {}, title), html("dl", {}, known.map(([name, value]) =>
    [html("dt", {}, name), html("dd", {}, typeof value === "string" ? value : JSON.stringify(value))])));
}
