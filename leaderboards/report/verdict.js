// The first thing to read: who is better with so many labels, or that nobody can tell.

function drawVerdict(ranked, state) {
  const models = distinct(tables.points.filter((row) => inChoice(row) && row.source === "measured").map((row) => row.model));
  const [sentence, ...more] = models.length === 1 ? aloneVerdict(models[0], state) : rankedVerdict(ranked, state);
  byId("verdict").replaceChildren(html("p", { class: "sentence" }, sentence), ...more.map((text) => html("p", { class: "quiet" }, text)));
}

function aloneVerdict(model, state) {
  const [protocol] = JSON.parse(state.how);
  return [`No comparison yet: only ${model} was measured by ${protocol}.`,
    ["Run another beside it: ", html("code", {}, `python -m harness run --backbone image_statistics --protocols ${protocol}`)]];
}

function rankedVerdict(ranked, state) {
  if (ranked.length < 2) return ["No ranking here: no two backbones have a score on every task.", "What is missing stands below, under Ranking."];
  const [first, ...others] = ranked;
  const where = `with ${labelsOf(state.partition, false)}, on ${first.n_datasets} task${first.n_datasets === 1 ? "" : "s"}`;
  if (first.ties === null) {
    return [`No clear winner: nothing is known of the noise, ${where}.`, first.source === "published"
      ? "Published numbers come without seeds and predictions." : "It takes two seeds, or stored predictions, in every cell."];
  }
  const equals = others.filter((row) => tied(row, first)).map((row) => row.model);
  const behind = others.filter((row) => !tied(row, first)).map((row) => row.model);
  const told = "at 95 %, paired over seeds and test samples, all pairs considered (Holm).";
  if (!equals.length) return [`${first.model} is ahead of ${behind.length > 1 ? `all ${behind.length} others` : behind[0]}, ${where}.`, `Told apart ${told}`];
  const unknown = equals.filter((model) => isUnknown(first.model, model, state));
  const known = equals.filter((model) => !unknown.includes(model));
  return [known.length ? `No clear winner: ${listed([first.model, ...known])} cannot be told apart, ${where}.`
    : `No clear winner: too little is known of ${listed(unknown)}, ${where}.`,
  behind.length ? `${first.model} is ahead of ${listed(behind)}, told apart ${told}` : `Tested ${told}`,
  ...unknown.length ? [`Nobody knows how far noise moves the difference from ${listed(unknown)}: one seed, and no stored predictions.`] : []];
}

// Whether the noise of the difference of two is unknown on some task.
const isUnknown = (a, b, state) => tables.differences.some((row) => inMeasured(row) && row.partition === state.partition
  && row.low === null && [a, b].includes(row.model) && [a, b].includes(row.rivalModel));

const listed = (names) => names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
const letters = (row) => row.ties.match(/[a-z]\d*/g);
const tied = (a, b) => letters(a).some((letter) => letters(b).includes(letter));
const places = (row) => row.place_low === row.place_high ? String(row.place_low) : `${row.place_low} – ${row.place_high}`;
