// The page: what is chosen, what colours mean, and one map a backbone.

const data = JSON.parse(byId("page-data").textContent);
const state = { picture: 0, colouring: data.chosen, off: new Set(), current: null };
let maps = [];

const colouring = () => data.colourings[state.colouring];
const known = (value) => value !== null;
const rounded = (value) => Math.abs(value) >= 1000 ? value.toFixed(0) : String(+value.toPrecision(4));
const fixed = (value) => value === null ? "undefined" : value.toFixed(2);
const range = ({ low, high }) => low === null ? "" : ` [${fixed(low)}, ${fixed(high)}]`;
const withUnit = ({ name, unit }) => unit ? `${name}, ${unit}` : name;

function rampColour(value, [low, high]) {
  const t = high > low ? Math.max(0, Math.min(1, (value - low) / (high - low))) : 0.5;
  const position = t * (data.ramp.length - 1);
  const i = Math.min(Math.floor(position), data.ramp.length - 2);
  return `color-mix(in oklab, ${data.ramp[i + 1]} ${(100 * (position - i)).toFixed(0)}%, ${data.ramp[i]})`;
}

function lookOf(index) {
  const chosen = colouring();
  const value = chosen.values[index];
  if (!known(value)) return { style: { colour: "var(--quiet)", shape: 0 }, hollow: true, faded: state.off.has(null) };
  if (!chosen.classes) return { style: { colour: rampColour(value, chosen.limits), shape: 0 }, number: true, faded: false };
  return { style: styleOf(value), faded: state.off.has(value) };
}

function meaning(index) {
  const chosen = colouring();
  const value = chosen.values[index];
  const told = !known(value) ? "not known" : chosen.classes ? chosen.classes[value] : rounded(value);
  return `${withUnit(chosen)}: ${told}`;
}

const thumbnail = (index, zoom) => html("div", {
  class: "thumb", "--zoom": zoom, "--x": index % data.columns, "--y": Math.floor(index / data.columns),
});

function show(space, index, x, y) {
  state.current = index;
  maps.forEach((map, i) => map.mark(index, data.spaces[i].neighbours[index]));
  const near = space.neighbours[index];
  showTip([
    data.names[index], thumbnail(index, 2.5), meaning(index), `nearest by all features of ${space.backbone}:`,
    html("div", { class: "strip" }, near.map((i) => thumbnail(i, 0.75))),
  ], x, y);
}

function hide() {
  state.current = null;
  maps.forEach((map) => map.mark(null, []));
  hideTip();
}

function drawKey() {
  const chosen = colouring();
  const missing = chosen.values.filter((value) => !known(value)).length;
  if (!chosen.classes) {
    const stops = data.ramp.join(", ");
    byId("key").replaceChildren(
      html("div", { class: "ramp", style: `background: linear-gradient(in oklab to right, ${stops})` }),
      html("div", { class: "ends" }, html("span", {}, `≤ ${rounded(chosen.limits[0])}`), html("span", {}, withUnit(chosen)), html("span", {}, `≥ ${rounded(chosen.limits[1])}`)),
      missing ? html("p", { class: "quiet" }, `Hollow marks: not known (${missing}).`) : "");
    return;
  }
  const counts = chosen.classes.map((_, i) => chosen.values.filter((value) => value === i).length);
  const chip = (value, style, name, count, hollow) => html("label", { class: "chip" },
    html("input", { type: "checkbox", checked: !state.off.has(value), onchange: (event) => { toggle(value, event.target.checked); } }),
    html("span", {}, named(style, `${name} (${count})`, hollow)));
  byId("key").replaceChildren(html("fieldset", { class: "chips" }, html("legend", {}, withUnit(chosen)), html("div", {},
    chosen.classes.flatMap((name, i) => counts[i] ? [chip(i, styleOf(i), name, counts[i])] : []),
    missing ? chip(null, { colour: "var(--quiet)", shape: 0 }, "not known", missing, true) : null)));
}

function toggle(value, on) {
  if (on) state.off.delete(value); else state.off.add(value);
  drawMaps();
}

function caption(space, picture) {
  const [full, ...inPictures] = space.agreements[state.colouring];
  const here = inPictures[state.picture];
  const what = colouring().classes ? `of the ${data.k} nearest have an image's class` : `correlation with the ${data.k} nearest`;
  const variance = picture.explained === null ? "" : `, ${Math.round(100 * picture.explained)} % of the variance`;
  return html("figcaption", {}, breakable(space.backbone),
    html("small", {}, `By all ${space.features} features ${fixed(full.value)}${range(full)} ${what} (chance ${fixed(full.chance)}).`),
    html("small", {}, `In this map ${fixed(here.value)}; trustworthiness ${fixed(picture.trustworthiness)}${variance}.`));
}

function drawMaps() {
  hide();
  maps = data.spaces.map((space) => drawMap(space.pictures[state.picture], lookOf, `${space.pictures[state.picture].name} of ${space.backbone}`, {
    show: (index, x, y) => show(space, index, x, y), hide, current: () => state.current,
  }));
  byId("maps").replaceChildren(...data.spaces.map((space, i) =>
    html("figure", { class: "panel" }, caption(space, space.pictures[state.picture]), maps[i].root)));
}

function drawNumbers() {
  const columns = ["backbone", "neighbours in", "agreement", "95 % interval", "chance", "trustworthiness"];
  const rows = data.spaces.flatMap((space) => space.agreements[state.colouring].map((found, i) => [
    space.backbone, i ? space.pictures[i - 1].name : `all ${space.features} features`, fixed(found.value),
    range(found).trim(), fixed(found.chance), i ? fixed(space.pictures[i - 1].trustworthiness) : "",
  ]));
  byId("numbers").replaceChildren(html("table", {},
    html("thead", {}, html("tr", {}, columns.map((name) => html("th", { scope: "col" }, name)))),
    html("tbody", {}, rows.map((row) => html("tr", {}, row.map((cell) => html("td", {}, cell)))))));
  const images = data.names.map((_, i) => i);
  byId("images").replaceChildren(numbersBelow([["image", (i) => data.names[i]],
    ...data.colourings.map((each) => [withUnit(each), (i) => each.classes ? each.classes[each.values[i]] : each.values[i]]),
    ...data.spaces.flatMap((space) => space.pictures.flatMap((picture) => ["x", "y"].map((axis) =>
      [`${picture.name} ${axis} of ${space.backbone}`, (i) => picture[axis][i]])))], images));
}

function drawAll() { drawKey(); drawMaps(); drawNumbers(); }

fillSelect(byId("picture"), data.spaces[0].pictures.map((picture, i) => [String(i), picture.name]), "1");
fillSelect(byId("colouring"), data.colourings.map((each, i) => [String(i), withUnit(each)]), String(data.chosen));
byId("picture").addEventListener("change", (event) => { state.picture = Number(event.target.value); drawMaps(); });
byId("colouring").addEventListener("change", (event) => {
  state.colouring = Number(event.target.value);
  state.off.clear();
  drawAll();
});
state.picture = Number(byId("picture").value);
drawAll();
