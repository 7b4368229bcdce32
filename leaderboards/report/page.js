// The page: what is chosen, in the controls and in the address, and drawing everything that follows from it.

const state = { suite: null, how: null, partition: null, task: null, against: null, xKind: "labels", models: new Set(), style: null };
const MOST_AT_FIRST = 12;

const inChoice = (row) => row.suite === state.suite && inGroup(row, state.how);
// Of a table of measured scores alone, without a column `source`.
const inMeasured = (row) => row.suite === state.suite && howKey({ ...row, source: "measured" }) === state.how;

function startPage() {
  byId("suite").addEventListener("change", (event) => chooseSuite(event.target.value, new URLSearchParams()));
  byId("how").addEventListener("change", (event) => chooseHow(event.target.value, new URLSearchParams()));
  for (const [id, name] of [["partition", "partition"], ["against", "against"], ["x-kind", "xKind"]]) {
    byId(id).addEventListener("change", (event) => { state[name] = event.target.value; draw(); });
  }
  for (const id of ["savings-dataset", "cost"]) byId(id).addEventListener("change", draw);
  startTable();
  let waiting = null;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawFrames, 100); });
  window.addEventListener("hashchange", readAddress);
  readAddress();
}

// What is chosen stands in the address, so that a link leads to what its sender saw. Names that are not there are passed over.
function readAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const names = suites();
  const real = names.filter((suite) => !SIMULATED.includes(suite) && tables.runs.some((row) => row.suite === suite && row.source === "measured"));
  const first = names.find((name) => name === wanted.get("suite")) ?? real[0] ?? names.find((suite) => SIMULATED.includes(suite)) ?? names[0];
  chooseSuite(fillSelect(byId("suite"), names.map((suite) => [suite, SIMULATED.includes(suite) ? `${suite} (simulated)` : suite]), first), wanted);
}

function writeAddress() {
  const chosen = new URLSearchParams({ suite: state.suite, protocol: JSON.parse(state.how).join("~"), labels: state.partition, task: state.task ?? "", against: state.against ?? "", axis: state.xKind });
  for (const model of state.models) chosen.append("backbone", model);
  history.replaceState(null, "", `#${chosen}`);
}

function suites() {
  const counts = groupBy(tables.runs, (row) => row.suite);
  const measured = (suite) => counts.get(suite).filter((row) => row.source === "measured").length;
  // Real measurements first, then published numbers alone, then what is simulated.
  const order = (suite) => [SIMULATED.includes(suite) && measured(suite) ? 1 : 0, -measured(suite)];
  return [...counts.keys()].sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1] || a.localeCompare(b));
}

function chooseSuite(suite, wanted) {
  state.suite = suite;
  document.body.classList.toggle("simulated", SIMULATED.includes(suite));
  byId("simulated").hidden = !SIMULATED.includes(suite);
  const rows = tables.runs.filter((row) => row.suite === suite);
  const measured = rows.filter((row) => row.source === "measured").length;
  byId("size").textContent = `${measured} runs measured, ${rows.length - measured} published numbers, ${distinct(rows.map((r) => r.dataset)).length} datasets`;
  state.style = (model) => styleOf(lookOf.get(model) ?? 0);
  // First the one that compares most: by its backbones and datasets, of equals by its runs.
  const hows = groupsOf(suite);
  const weight = (how) => {
    const mine = rows.filter((row) => row.source === "measured" && howKey(row) === how);
    return [distinct(mine.map((row) => row.model)).length * distinct(mine.map((row) => row.dataset)).length, mine.length];
  };
  const weights = new Map(hows.map((how) => [how, weight(how)]));
  hows.sort((a, b) => weights.get(b)[0] - weights.get(a)[0] || weights.get(b)[1] - weights.get(a)[1] || a.localeCompare(b));
  resetFilters(suite);
  drawTable();
  const asked = hows.find((how) => JSON.parse(how).join("~") === wanted.get("protocol"));
  chooseHow(fillSelect(byId("how"), hows.map((how) => [how, describeHow(how, hows)]), asked ?? hows[0]), wanted);
}

function chooseHow(how, wanted) {
  state.how = how;
  const rows = tables.points.filter(inChoice);
  const ranked = tables.ranking.filter(inChoice).filter((row) => row.mean_rank !== null);
  const partitions = distinct(rows.map((row) => row.partition)).sort(byPartition);
  // The first picture: where the most backbones can be ranked on the most datasets; of equals, the most labels.
  const weight = (partition) => Math.max(0, ...ranked.filter((r) => r.partition === partition).map((r) => r.n_ranked * r.n_datasets));
  const best = partitions.reduce((a, b) => weight(b) >= weight(a) ? b : a, partitions[0]);
  state.partition = fillSelect(byId("partition"), partitions.map((p) => [p, labelsOf(p)]), partitions.includes(wanted.get("labels")) ? wanted.get("labels") : best);
  const models = modelsByRank();
  const asked = wanted.getAll("backbone").filter((model) => models.includes(model));
  state.models = new Set(asked.length ? asked : models.slice(0, MOST_AT_FIRST));
  const backbones = (task) => distinct(rows.filter((row) => row.dataset === task).map((row) => row.model)).length;
  const tasks = distinct(rows.map((row) => row.dataset)).sort((a, b) => backbones(b) - backbones(a) || a.localeCompare(b));
  state.task = tasks.includes(wanted.get("task")) ? wanted.get("task") : tasks[0];
  state.against = wanted.get("against");
  state.xKind = byId("x-kind").value = wanted.get("axis") ?? (rows.some((row) => row.n_labels > 0) ? "labels" : "share");
  fillSelect(byId("savings-dataset"), [["", "all tasks"], ...tasks.map((d) => [d, d])], "");
  drawTabs(tasks);
  drawModels(models);
  draw();
}

// How many labels a partition stands for; datasets may differ in it.
function labelsOf(partition, withName = true) {
  const known = tables.points.filter((row) => inChoice(row) && row.partition === partition && row.n_labels > 0).map((row) => row.n_labels);
  if (!known.length) return partition;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const labels = `${low === high ? format.count(low) : `${format.count(low)} – ${format.count(high)}`} label${high === 1 ? "" : "s"}`;
  return withName ? `${labels} (${partition})` : labels;
}

// The ranking with so many labels; published numbers are ranked among themselves alone.
function standings() {
  const rows = tables.ranking.filter((row) => inChoice(row) && row.partition === state.partition);
  const measured = rows.filter((row) => row.source === "measured");
  return measured.length ? measured : rows;
}

function modelsByRank() {
  const rank = new Map(standings().map((row) => [row.model, row.mean_rank ?? Infinity]));
  return distinct(tables.points.filter(inChoice).map((row) => row.model)).sort((a, b) => (rank.get(a) ?? Infinity) - (rank.get(b) ?? Infinity) || a.localeCompare(b));
}

function drawTabs(tasks) {
  const choose = (task) => {
    state.task = task;
    draw();
    byId("tabs").querySelector("[aria-selected=true]").focus();
  };
  const step = (event, i) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) choose(tasks[(i + by + tasks.length) % tasks.length]);
  };
  byId("tabs").replaceChildren(...tasks.map((task, i) => html("button", { type: "button", role: "tab", "data-task": task, "aria-controls": "curve",
    onclick: () => choose(task), onkeydown: (event) => step(event, i) }, task)));
}

function drawModels(models) {
  const boxes = models.map((model) => {
    const input = html("input", { type: "checkbox", checked: state.models.has(model), onchange: (event) => { state.models[event.target.checked ? "add" : "delete"](model); draw(); } });
    return html("label", { class: "chip" }, input, swatch(state.style(model)), html("span", {}, breakable(model)));
  });
  const all = (on) => () => {
    for (const box of boxes) box.firstChild.checked = on;
    state.models = new Set(on ? models : []);
    draw();
  };
  byId("models").replaceChildren(...boxes, html("button", { type: "button", onclick: all(true) }, "all"), html("button", { type: "button", onclick: all(false) }, "none"));
}

// A section without content is one line that says why.
function fold(id, reason) {
  const section = byId(id).closest("section");
  section.classList.toggle("folded", reason !== null);
  section.querySelector("h2").dataset.reason = reason === null ? "" : `: ${reason}`;
}

function draw() {
  hideTip();
  const wanted = (row) => inChoice(row) && state.models.has(row.model);
  const points = tables.points.filter(wanted);
  const ranking = standings();
  const models = modelsByRank().filter((model) => state.models.has(model));
  const measured = models.filter((model) => points.some((row) => row.model === model && row.source === "measured"));
  state.against = fillSelect(byId("against"), measured.map((model) => [model, model]), state.against) || null;
  for (const tab of byId("tabs").children) {
    const chosen = tab.dataset.task === state.task;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
  }
  byId("n-models").textContent = `${models.length} of ${byId("models").querySelectorAll("input").length}`;
  drawVerdict(ranking.filter((row) => row.mean_rank !== null), state);
  const here = points.filter((row) => row.dataset === state.task);
  byId("curve").replaceChildren(here.length ? drawTask(here, state, 400) : html("p", { class: "empty" }, "No curve with this choice. Tick a backbone above."));
  for (const place of document.querySelectorAll(".legend")) {
    place.replaceChildren(...models.map((model) => html("span", {}, named(state.style(model), model))));
  }
  drawForest(byId("forest"), models, state);
  drawRanking(byId("ranking"), ranking, state);
  const dataset = byId("savings-dataset").value;
  const axes = distinct(tables.points.filter((row) => inChoice(row) && row.partition === state.partition).map((row) => row.axis));
  const savings = dataset ? tables.savings.filter((row) => row.dataset === dataset) : tables.typical_savings;
  drawSavings(byId("savings"), savings.filter((row) => inMeasured(row) && axes.includes(row.axis)), models, state);
  drawHeat(byId("heat"), points.filter((row) => row.partition === state.partition && row.source === ranking[0]?.source), distinct(points.map((row) => row.dataset)).sort(), models, state);
  drawEfficiency(byId("efficiency"), tables.efficiency.filter((row) => wanted(row) && row.partition === state.partition), state, byId("cost").value);
  drawTasks(byId("tasks"), points, state);
  drawAlarms(byId("alarms-list"), tables.alarms.filter((row) => row.suite === state.suite && state.models.has(row.model)));
  drawGaps(byId("gaps-table"), tables.gaps.filter((row) => row.suite === state.suite));
  for (const place of document.querySelectorAll(".partition-name")) place.textContent = labelsOf(state.partition);
  drawFrames();
  writeAddress();
}

startPage();
