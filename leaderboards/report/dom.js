// Elements. Text from the data only ever becomes a text node or an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function make(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}
const html = (tag, attributes, ...children) => make(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => make(document.createElementNS(SVG, tag), attributes, children);

// Eight colours times eight shapes, in step, so that neither is needed to tell two neighbours apart; from the ninth on a
// colour comes back with another shape.
const N_STYLES = 8;
const styleOf = (index) => ({ colour: `var(--c${index % N_STYLES})`, shape: (index + Math.floor(index / N_STYLES)) % N_STYLES });
const SHAPES = [
  (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`,
  (r) => `M${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}Z`,
  (r) => `M0,${-1.25 * r}L${1.2 * r},${r}H${-1.2 * r}Z`,
  (r) => `M0,${-1.4 * r}L${1.4 * r},0L0,${1.4 * r}L${-1.4 * r},0Z`,
  (r) => `M0,${1.25 * r}L${1.2 * r},${-r}H${-1.2 * r}Z`,
  (r) => `M${-r / 2},${-1.3 * r}h${r}v${0.8 * r}h${0.8 * r}v${r}h${-0.8 * r}v${0.8 * r}h${-r}v${-0.8 * r}h${-0.8 * r}v${-r}h${0.8 * r}Z`,
  (r) => `M${-r},${-1.2 * r}L${1.3 * r},0L${-r},${1.2 * r}Z`,
  (r) => `M${r},${-1.2 * r}L${-1.3 * r},0L${r},${1.2 * r}Z`,
];
function drawMarker(style, x, y, r, hollow = false) {
  return svg("path", {
    d: SHAPES[style.shape](r), transform: `translate(${x},${y})`, class: hollow ? "mark hollow" : "mark", "--c": style.colour,
  });
}
function swatch(style, hollow = false) {
  return svg("svg", { class: "swatch", viewBox: "-8 -8 16 16", "aria-hidden": "true" }, drawMarker(style, 0, 0, 5, hollow));
}

// A name may be broken after an underscore, which browsers do not do by themselves, or a hyphen.
const breakable = (name) => name.split(/(?<=[_-])/).flatMap((part, i) => i ? [html("wbr"), part] : [part]);

// A model's mark and name; the mark stays with the beginning of the name.
function named(style, name, hollow = false) {
  const [first, ...rest] = breakable(name);
  return [html("span", { class: "nowrap" }, swatch(style, hollow), first), ...rest];
}

// A place for a picture that is drawn to its width: once it is in the document, and again when the window changes.
function frame(draw) {
  const place = html("div", { class: "frame" });
  place.redraw = () => place.replaceChildren(draw(place.clientWidth));
  return place;
}
function drawFrames() {
  for (const place of document.querySelectorAll(".frame")) place.redraw();
  for (const place of document.querySelectorAll(".scroll")) place.classList.toggle("wide", place.scrollWidth > place.clientWidth + 1);
}

const badge = (text) => html("span", { class: `badge ${text}` }, text);
const sourceBadge = (source) => source === "published" ? badge("published") : null;

// One tooltip for the page, near a point of the window; it scrolls with the page. Its first line is a heading.
function showTip(lines, x, y) {
  const tip = byId("tip");
  tip.replaceChildren(...lines.map((line, i) => html(i ? "div" : "strong", {}, line)));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.max(4, Math.min(x + 14, document.documentElement.clientWidth - box.width - 4));
  const top = y + 16 + box.height > window.innerHeight ? y - box.height - 12 : y + 16;
  tip.style.left = `${left + window.scrollX}px`;
  tip.style.top = `${top + window.scrollY}px`;
}
function hideTip() { byId("tip").hidden = true; }

// Attributes of an element that explains itself under the mouse or a finger.
function explained(...lines) {
  const show = (event) => showTip(lines, event.clientX, event.clientY);
  return { onpointerenter: show, onpointerdown: show, onpointerleave: hideTip };
}

function fillSelect(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => html("option", { value }, text)));
  select.value = options.some(([value]) => value === chosen) ? chosen : options[0]?.[0] ?? "";
  select.disabled = options.length < 2;
  return select.value;
}

// The numbers of a picture as a table, made when somebody opens it, and what can be taken away of both.
function numbersBelow(columns, rows, name = "numbers") {
  const details = html("details", { class: "numbers" }, html("summary", {}, `Numbers (${rows.length})`));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) {
      details.append(html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Numbers" }, html("table", {},
        html("thead", {}, html("tr", {}, columns.map(([title]) => html("th", { scope: "col" }, title)))),
        html("tbody", {}, rows.map((row) => html("tr", {}, columns.map(([, cell]) => html("td", {}, String(cell(row) ?? "–")))))))));
    }
  });
  return html("div", { class: "below" }, details, html("span", { class: "downloads" },
    html("button", { type: "button", class: "link", onclick: () => saveFile(`${name}.csv`, "text/csv", csvOf(columns, rows)) }, "CSV"),
    html("button", { type: "button", class: "link svg", onclick: (event) => {
      const plot = event.target.closest("figure").querySelector("svg.plot");
      saveFile(`${name}.svg`, "image/svg+xml", pictureOf(plot));
    } }, "SVG")));
}

function saveFile(name, type, text) {
  const link = html("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name.replace(/[^\w.-]+/g, "-") });
  link.click();
  URL.revokeObjectURL(link.href);
}

// As the other tables of a leaderboard are written: a text that a spreadsheet would take for a formula begins with an apostrophe.
function csvOf(columns, rows) {
  const cell = (value) => {
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, value]) => value(row)))]
    .map((line) => `${line.map(cell).join(",")}\n`).join("");
}

// A picture that needs no style sheet: what the page's one says is written into its elements.
const DRAWN_BY = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "font-size", "font-weight", "font-family", "visibility"];
function pictureOf(plot) {
  const copy = plot.cloneNode(true);
  const originals = [plot, ...plot.querySelectorAll("*")];
  for (const [i, element] of [copy, ...copy.querySelectorAll("*")].entries()) {
    const style = getComputedStyle(originals[i]);
    element.setAttribute("style", DRAWN_BY.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
  }
  copy.setAttribute("xmlns", SVG);
  copy.style.background = getComputedStyle(document.body).backgroundColor;
  return new XMLSerializer().serializeToString(copy);
}
