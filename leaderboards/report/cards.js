// The cards at the top: what wins, by how much, how sure that is, and on how few labels.

function drawHeadline(place, ranked, state, savings) {
  const [first, second] = ranked;
  if (!first) {
    place.replaceChildren(card("No ranking here", "–", "No backbone has a score on every dataset. The ranking below says what is missing."));
    return;
  }
  place.replaceChildren(
    card("What wins", named(state.style(first.model), first.model),
      `${second?.mean_rank === first.mean_rank ? `shares the best mean rank with ${second.model}: ` : "best mean rank "}of ${first.n_ranked} backbones on ${first.n_datasets} dataset${first.n_datasets === 1 ? "" : "s"}, partition ${state.partition}`),
    card("By how much", second ? `wins ${format.percent(first.win_rate)}` : "nobody to beat", second
      ? `of its comparisons with the others. Mean rank ${format.rank(first.mean_rank)}, normalised score ${format.score(first.score)}; ${second.model} follows with ${format.rank(second.mean_rank)} and ${format.score(second.score)}.`
      : "A ranking takes two backbones."),
    card("How sure", first.ties === null ? "unknown" : `place ${places(first)}`, howSure(first, ranked)),
    fewLabels(ranked, savings));
}

const card = (title, value, text) => html("div", { class: "card" }, html("h3", {}, title), html("p", { class: "value" }, value), html("p", {}, text));

const places = (row) => row.place_low === row.place_high ? String(row.place_low) : `${row.place_low} – ${row.place_high}`;
const tied = (a, b) => [...a.ties.matchAll(/[a-z]\d*/g)].some(([letter]) => b.ties.match(/[a-z]\d*/g).includes(letter));

function howSure(first, ranked) {
  if (first.ties === null) return "Nothing is known of the noise: it takes two seeds, or stored predictions, in every cell.";
  const equals = ranked.filter((row) => row !== first && tied(row, first)).map((row) => row.model);
  return `is where it surely stands (95 %); ${equals.length ? `it cannot be told apart from ${equals.join(", ")}` : "it is told apart from all others"}.`;
}

function fewLabels(ranked, savings) {
  const [first, ...others] = ranked;
  const rivals = distinct([others[0], others.at(-1)].filter(Boolean));
  const found = rivals.map((rival) => savings.find((row) => row.model === first.model && row.rivalModel === rival.model)).filter(Boolean);
  if (!found.length) return card("On how few labels", "unknown", "No curves of two or more points to read it from.");
  const sure = found.filter((row) => row.saving_low > 0 || row.saving_high < 0);
  if (!sure.length) return card("On how few labels", "no clear saving", `The 95 % intervals against ${rivals.map((row) => row.model).join(" and ")} reach 0.`);
  const told = sure.map((row) => `it needs ${format.percent(1 - row.saving_high)} to ${format.percent(1 - row.saving_low)} of the labels of ${row.rivalModel}`);
  const value = `${format.percent(Math.abs(sure[0].label_saving))} ${sure[0].label_saving < 0 ? "more" : "fewer"}`;
  return card("On how few labels", value, `On the median of ${sure[0].n_datasets} datasets ${told.join(", and ")}, for the same score.`);
}
