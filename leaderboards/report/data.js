// The JSON blocks as rows, and what the page must know to choose among them. No statistics here: every number shown was
// computed by the leaderboard's views or leaderboards.statistics; this only selects, sorts and formats.

function decodeTable({ n, columns }) {
  const rows = Array.from({ length: n }, () => ({}));
  for (const [name, column] of Object.entries(columns)) {
    const at = Array.isArray(column) ? (i) => column[i]
      : column.index.length ? (i) => column.values[column.index[i]] : () => column.values[0];
    for (let i = 0; i < n; i++) rows[i][name] = at(i);
  }
  return rows;
}

function readBlock(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

const page = readBlock("page-data");
const SIMULATED = page.simulated;
const tables = Object.fromEntries(
  Object.entries(page).filter(([, table]) => table.columns).map(([name, table]) => [name, decodeTable(table)]));

// A model is a backbone with its weights; the weights are named only where the backbone has several.
const weightsOf = new Map();
for (const { backbone, weights } of tables.runs) {
  if (!weightsOf.has(backbone)) weightsOf.set(backbone, new Set());
  weightsOf.get(backbone).add(weights);
}
function modelName(backbone, weights) {
  const several = (weightsOf.get(backbone) ?? new Set()).size > 1;
  return several && weights !== null ? `${backbone}@${weights}` : backbone;
}
for (const rows of Object.values(tables)) {
  for (const row of rows) {
    row.model = modelName(row.backbone, row.weights);
    if ("rival" in row) row.rivalModel = modelName(row.rival, row.rival_weights);
  }
}

// The same colour and shape in every picture of this leaderboard, those of the command line included.
const lookOf = new Map(tables.looks.map((row, look) => [row.model, look]));

// Runs of pretrained networks below the statistics of their pixels: what marks their scores.
const alarms = new Map(tables.alarms.map((row) => [row.run_id, row]));

// How runs were made: what must be equal before two scores may be compared. A published row does not tell how its
// hyper-parameters were chosen, so it joins every group of its protocol.
const howKey = (row) => JSON.stringify([row.protocol, row.source === "published" ? null : row.selection,
  row.source === "published" ? null : row.train_draw]);
const inGroup = (row, how) => row.source === "published"
  ? row.protocol === JSON.parse(how)[0] : howKey(row) === how;

function groupsOf(suite) {
  const rows = tables.runs.filter((row) => row.suite === suite);
  const measured = distinct(rows.filter((row) => row.source === "measured").map(howKey));
  const known = new Set(measured.map((how) => JSON.parse(how)[0]));
  const published = distinct(rows.filter((row) => row.source === "published" && !known.has(row.protocol)).map(howKey));
  return [...measured, ...published];
}

function describeHow(how, all) {
  const [protocol, selection, draw] = JSON.parse(how);
  if (selection === null) return `${protocol} (published)`;
  const alone = all.filter((other) => JSON.parse(other)[0] === protocol).length === 1;
  return alone ? protocol : `${protocol}, chosen by ${selection}, drawn by ${draw}`;
}

// Partitions from few labels to many. Names of the same kind compare by the number in them; `default` is the whole split.
const shareOf = (partition) => partition === "default" ? 1
  : /^\d+(\.\d+)?x_train$/.test(partition) ? parseFloat(partition) : null;
const sizeOf = (partition) => shareOf(partition) ?? (parseFloat(partition.replace(/^[a-z]=/, "")) || Infinity);
// Shares of the train split, then shots, then images drawn at random: ten shots are no ten images.
const kindOf = (partition) => ["k=", "n="].indexOf(partition.slice(0, 2));
const byPartition = (a, b) => kindOf(a) - kindOf(b) || sizeOf(a) - sizeOf(b) || a.localeCompare(b);

function distinct(values) { return [...new Set(values)]; }
function groupBy(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const k = key(row);
    if (!groups.has(k)) groups.set(k, []);
    groups.get(k).push(row);
  }
  return groups;
}

// What a score says: an error has the unit of the labels, and any size.
const scored = (row) => row.higher_is_better ? format.score : format.error;
const metricOf = (row) => row.higher_is_better ? row.metric : `${row.metric} (lower is better)`;

const format = {
  score: (v) => v === null ? "–" : v.toFixed(3),
  error: (v) => v === null ? "–" : String(+v.toPrecision(4)),
  any: (v) => v === null || v === 0 || (Math.abs(v) >= 1e-3 && Math.abs(v) < 1e3) ? format.score(v) : format.error(v),
  tick: (v) => v !== 0 && (Math.abs(v) >= 1e5 || Math.abs(v) < 1e-3) ? v.toExponential() : String(v),
  rank: (v) => v === null ? "–" : v.toFixed(2),
  percent: (v) => v === null ? "–" : `${Math.round(100 * v)} %`,
  count: (v) => v === null ? "–" : v >= 1e9 ? `${+(v / 1e9).toPrecision(3)} G` : v >= 1e6 ? `${+(v / 1e6).toPrecision(3)} M`
    : v >= 1e4 ? `${+(v / 1e3).toPrecision(3)} k` : String(+v.toPrecision(4)),
  interval: (low, high, one) => low === null || high === null ? "" : `[${one(low)}, ${one(high)}]`,
};
