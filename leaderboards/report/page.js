// The page: what is chosen, and drawing everything that follows from it.

const state = { suite: null, how: null, partition: null, datasets: new Set(), models: new Set(), xKind: "labels", xScale: "log", style: null };

function suites() {
  const counts = groupBy(tables.runs, (row) => row.suite);
  const measured = (suite) => counts.get(suite).filter((row) => row.source === "measured").length;
  // Real measurements first, then published numbers alone, then what is simulated.
  const order = (suite) => [SIMULATED.includes(suite) && measured(suite) ? 1 : 0, -measured(suite)];
  return [...counts.keys()].sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1] || a.localeCompare(b));
}

function startPage() {
  const names = suites();
  const real = names.filter((suite) => !SIMULATED.includes(suite) && tables.runs.some((row) => row.suite === suite && row.source === "measured"));
  const first = real[0] ?? names.find((suite) => SIMULATED.includes(suite)) ?? names[0];
  fillSelect(byId("suite"), names.map((suite) => [suite, SIMULATED.includes(suite) ? `${suite} (simulated)` : suite]), first);
  byId("suite").addEventListener("change", (event) => chooseSuite(event.target.value));
  byId("how").addEventListener("change", (event) => chooseHow(event.target.value));
  byId("partition").addEventListener("change", (event) => { state.partition = event.target.value; draw(); });
  byId("x-kind").addEventListener("change", (event) => { state.xKind = event.target.value; draw(); });
  byId("x-scale").addEventListener("change", (event) => { state.xScale = event.target.value; draw(); });
  for (const id of ["savings-dataset", "cost"]) byId(id).addEventListener("change", draw);
  startTable();
  let waiting = null;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawFrames, 100); });
  chooseSuite(byId("suite").value);
}

function chooseSuite(suite) {
  state.suite = suite;
  document.body.classList.toggle("simulated", SIMULATED.includes(suite));
  byId("simulated").hidden = !SIMULATED.includes(suite);
  const rows = tables.runs.filter((row) => row.suite === suite);
  const measured = rows.filter((row) => row.source === "measured").length;
  byId("size").textContent = `${measured} runs measured, ${rows.length - measured} published numbers, ${distinct(rows.map((r) => r.dataset)).length} datasets`;
  const bySource = [...rows].sort((a, b) => a.source.localeCompare(b.source) || a.model.localeCompare(b.model));
  const indices = new Map(distinct(bySource.map((row) => row.model)).map((model, i) => [model, i]));
  state.style = (model) => styleOf(indices.get(model) ?? 0);
  const hows = groupsOf(suite);
  const count = (how) => rows.filter((row) => row.source === "measured" && howKey(row) === how).length;
  hows.sort((a, b) => count(b) - count(a) || a.localeCompare(b));
  resetFilters(suite);
  drawTable();
  chooseHow(fillSelect(byId("how"), hows.map((how) => [how, describeHow(how, hows)]), hows[0]));
}

const inChoice = (row) => row.suite === state.suite && inGroup(row, state.how);

function chooseHow(how) {
  state.how = how;
  const rows = tables.points.filter(inChoice);
  const ranked = tables.ranking.filter(inChoice).filter((row) => row.mean_rank !== null);
  const partitions = distinct(rows.map((row) => row.partition)).sort(byPartition);
  // The first picture: where the most backbones can be ranked on the most datasets; of equals, the most labels.
  const weight = (partition) => Math.max(0, ...ranked.filter((r) => r.partition === partition).map((r) => r.n_ranked * r.n_datasets));
  const best = partitions.reduce((a, b) => weight(b) >= weight(a) ? b : a, partitions[0]);
  state.partition = fillSelect(byId("partition"), partitions.map((p) => [p, p]), best);
  const datasets = distinct(rows.map((row) => row.dataset)).sort();
  fillSelect(byId("savings-dataset"), [["", "all datasets"], ...datasets.map((d) => [d, d])], "");
  if (!rows.some((row) => row.n_labels > 0)) state.xKind = byId("x-kind").value = "share";
  drawChoices(byId("datasets"), datasets, state.datasets, () => null);
  drawChoices(byId("models"), modelsByRank(rows, ranked), state.models, (model) => swatch(state.style(model)));
  draw();
}

function modelsByRank(rows, ranked) {
  const rank = new Map();
  for (const row of ranked) if (row.partition === state.partition) rank.set(row.model, row.mean_rank);
  return distinct(rows.map((row) => row.model)).sort((a, b) => (rank.get(a) ?? Infinity) - (rank.get(b) ?? Infinity) || a.localeCompare(b));
}

const MOST_AT_FIRST = 12;

function drawChoices(place, names, chosen, mark) {
  chosen.clear();
  for (const name of names.slice(0, MOST_AT_FIRST)) chosen.add(name);
  const boxes = names.map((name) => {
    const input = html("input", { type: "checkbox", checked: chosen.has(name), onchange: (event) => { chosen[event.target.checked ? "add" : "delete"](name); draw(); } });
    return html("label", { class: "chip" }, input, mark(name), html("span", {}, breakable(name)));
  });
  const all = (on) => () => {
    for (const [i, box] of boxes.entries()) { box.firstChild.checked = on; chosen[on ? "add" : "delete"](names[i]); }
    draw();
  };
  place.replaceChildren(...boxes, html("button", { type: "button", onclick: all(true) }, "all"), html("button", { type: "button", onclick: all(false) }, "none"));
}

function draw() {
  hideTip();
  const wanted = (row) => inChoice(row) && state.datasets.has(row.dataset) && state.models.has(row.model);
  const points = tables.points.filter(wanted);
  const standing = tables.ranking.filter((row) => inChoice(row) && row.partition === state.partition);
  const measured = standing.filter((row) => row.source === "measured");
  const ranking = measured.length ? measured : standing;  // published numbers are ranked among themselves alone
  const models = modelsByRank(tables.points.filter(inChoice), ranking.filter((row) => row.mean_rank !== null)).filter((m) => state.models.has(m));
  drawHeadline(byId("headline"), ranking.filter((row) => row.mean_rank !== null), state, tables.typical_savings.filter(inSavings));
  drawRanking(byId("ranking"), ranking, state);
  drawCurves(byId("curves"), points, state);
  const dataset = byId("savings-dataset").value;
  const savings = dataset ? tables.savings.filter((row) => inChoice(row) && row.dataset === dataset) : tables.typical_savings.filter(inSavings);
  drawSavings(byId("savings"), savings, models, state);
  drawHeat(byId("heat"), points.filter((row) => row.partition === state.partition && row.source === ranking[0]?.source), [...state.datasets].sort(), models, state);
  drawEfficiency(byId("efficiency"), tables.efficiency.filter((row) => wanted(row) && row.partition === state.partition), state, byId("cost").value);
  drawAlarms(byId("alarms-list"), tables.alarms.filter((row) => row.suite === state.suite && state.datasets.has(row.dataset) && state.models.has(row.model)));
  drawGaps(byId("gaps-table"), tables.gaps.filter((row) => row.suite === state.suite && state.datasets.has(row.dataset)));
  for (const place of document.querySelectorAll(".partition-name")) place.textContent = state.partition;
  drawFrames();
}

// A table of measured curves alone, without a column `source`.
const inSavings = (row) => row.suite === state.suite && howKey({ ...row, source: "measured" }) === state.how;

startPage();
