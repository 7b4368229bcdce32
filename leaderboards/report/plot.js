// A plot of points with lines, bands and error bars, as SVG at the size of its place.

const MARGIN = { top: 8, right: 12, bottom: 40, left: 46 };
const REACH_PX = 36;
const LETTER_PX = 6.7, LINE_PX = 15;
const DASHES = [null, "7 4", "2 3", "7 3 2 3"];

function makeScale(kind, domain, range) {
  const f = kind === "log" ? Math.log10 : (v) => v;
  const [a, b] = domain.map(f);
  return (v) => range[0] + (range[1] - range[0]) * (b > a ? (f(v) - a) / (b - a) : 0.5);
}

function linearTicks([low, high], wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
  const ticks = [];
  const first = Math.ceil(low / step - 1e-9);
  // Counted: beyond 2 ** 53 adding one to a number does not change it.
  for (let i = 0; i <= wanted && (first + i) * step <= high + step * 1e-9; i++) ticks.push(+((first + i) * step).toPrecision(12));
  return ticks;
}

function logTicks([low, high], wanted) {
  for (const digits of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p++) {
      for (const d of digits) {
        const tick = d * 10 ** p;
        if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(+tick.toPrecision(6));
      }
    }
    if (ticks.length <= wanted || digits.length === 1) return ticks.length ? ticks : [low, high];
  }
}

function extent(values, kind) {
  const known = values.filter((v) => v !== null && v !== undefined && (kind !== "log" || v > 0));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (kind === "log") return low === high ? [low / 2, high * 2] : [low / 1.15, high * 1.15];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.06 || 0.05;
  return [low - room, high + room];
}

// spec: { width, height, label, named, x: { kind, title, format }, y: { title, format, domain },
//         series: [{ name, style, variant, hollow, line, points: [{ x, y, low, high, seeds, hollow, tip }] }] }
// named: whether the name of each series stands at its end.
function drawPlot(given) {
  const longest = Math.max(...given.series.map((series) => series.name?.length ?? 0));
  const spec = { ...given, right: given.named ? Math.min(16 + longest * LETTER_PX, given.width * 0.4) : MARGIN.right };
  const { width, height } = spec;
  const points = spec.series.flatMap((series) => series.points);
  const xDomain = extent(points.map((p) => p.x), spec.x.kind);
  const yDomain = spec.y.domain ?? extent(points.flatMap((p) => [p.y, p.low, p.high, ...p.seeds ?? []]), "linear");
  const x = makeScale(spec.x.kind, xDomain, [MARGIN.left, width - spec.right]);
  const y = makeScale("linear", yDomain, [height - MARGIN.bottom, MARGIN.top]);
  const clip = (v) => Math.max(MARGIN.top, Math.min(height - MARGIN.bottom, y(v)));
  const root = svg("svg", {
    class: "plot", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0",
    "aria-label": `${spec.label}. Arrow keys step through the points.`,
  });
  const ticks = spec.x.kind === "log" ? logTicks(xDomain, width / 52) : linearTicks(xDomain, width / 70);
  root.append(drawAxes(spec, ticks, linearTicks(yDomain, 5), x, y));
  for (const series of spec.series) root.append(drawSeries(series, x, y, clip));
  if (spec.named) root.append(...drawNames(spec, x, y));
  listenForPoints(root, spec.series.flatMap((series) => series.points.map((p) => ({ at: [x(p.x), y(p.y)], tip: p.tip, series }))));
  return root;
}

function drawAxes(spec, xTicks, yTicks, x, y) {
  const { width, height } = spec;
  const bottom = height - MARGIN.bottom;
  return svg("g", { class: "axes" },
    yTicks.map((t) => [
      svg("line", { class: "grid", x1: MARGIN.left, x2: width - spec.right, y1: y(t), y2: y(t) }),
      svg("text", { x: MARGIN.left - 6, y: y(t) + 4, "text-anchor": "end" }, spec.y.format(t)),
    ]),
    xTicks.map((t) => [
      svg("line", { class: "tick", x1: x(t), x2: x(t), y1: bottom, y2: bottom + 4 }),
      svg("text", { x: x(t), y: bottom + 17, "text-anchor": "middle" }, spec.x.format(t)),
    ]),
    svg("line", { class: "base", x1: MARGIN.left, x2: width - spec.right, y1: bottom, y2: bottom }),
    svg("text", { class: "title", x: (MARGIN.left + width - spec.right) / 2, y: height - 4, "text-anchor": "middle" }, spec.x.title),
    svg("text", { class: "title", transform: `translate(11,${(MARGIN.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, spec.y.title));
}

function drawSeries(series, x, y, clip) {
  const group = svg("g", { class: series.hollow ? "series published" : "series", "--c": series.style.colour });
  const known = series.points.filter((p) => p.low !== null && p.high !== null);
  if (series.line) {
    if (known.length > 1) {
      const upper = known.map((p) => `${x(p.x)},${clip(p.high)}`);
      const lower = known.map((p) => `${x(p.x)},${clip(p.low)}`).reverse();
      group.append(svg("path", { class: "band", d: `M${[...upper, ...lower].join("L")}Z` }));
    }
    for (const p of series.points) {
      if (p.seeds?.length > 1) group.append(...p.seeds.map((value) => svg("circle", { class: "seed", cx: x(p.x), cy: y(value), r: 1.8 })));
    }
    group.append(svg("path", { class: "line", "stroke-dasharray": DASHES[(series.variant ?? 0) % DASHES.length], d: `M${series.points.map((p) => `${x(p.x)},${y(p.y)}`).join("L")}` }));
  }
  if (!series.line || known.length === 1) {
    for (const p of known) {
      group.append(svg("path", { class: "bar", d: `M${x(p.x)},${clip(p.low)}V${clip(p.high)}` }));
    }
  }
  group.append(...series.points.map((p) => drawMarker(series.style, x(p.x), y(p.y), 4, p.hollow || series.hollow)));
  return group;
}

// Names beside the ends of their lines, moved apart where they would cover each other.
function drawNames(spec, x, y) {
  const ends = spec.series.filter((series) => series.points.length).map((series) => {
    const last = series.points.at(-1);
    return { series, from: [x(last.x), y(last.y)], at: y(last.y) };
  }).sort((a, b) => a.at - b.at);
  let free = MARGIN.top;
  for (const end of ends) { end.at = Math.max(end.at, free); free = end.at + LINE_PX; }
  let below = spec.height - MARGIN.bottom;
  for (const end of ends.toReversed()) { end.at = Math.min(end.at, below); below = end.at - LINE_PX; }
  const left = spec.width - spec.right + 10;
  const fit = Math.floor((spec.right - 12) / LETTER_PX);
  return ends.map(({ series, from, at }) => svg("g", { class: "name", "--c": series.style.colour },
    svg("path", { class: "leader", d: `M${from[0] + 6},${from[1]}L${left - 3},${at}` }),
    svg("text", { x: left, y: at + 4 }, series.name.length > fit ? `${series.name.slice(0, fit - 1)}…` : series.name, svg("title", {}, series.name))));
}

// The nearest point speaks: with the mouse, with a finger, and with the arrow keys.
function listenForPoints(root, points) {
  const halo = svg("circle", { class: "halo", r: 9, visibility: "hidden" });
  root.append(halo);
  let current = -1;
  const show = (index) => {
    current = index;
    const { at, tip } = points[index];
    const box = root.getBoundingClientRect();
    const zoom = box.width / root.viewBox.baseVal.width;
    make(halo, { cx: at[0], cy: at[1], visibility: "visible" }, []);
    showTip(tip, box.left + at[0] * zoom, box.top + at[1] * zoom);
  };
  const hide = () => { halo.setAttribute("visibility", "hidden"); hideTip(); };
  const nearest = (event) => {
    const box = root.getBoundingClientRect();
    const zoom = box.width / root.viewBox.baseVal.width;
    const distances = points.map(({ at }) => Math.hypot(at[0] * zoom + box.left - event.clientX, at[1] * zoom + box.top - event.clientY));
    const index = distances.indexOf(Math.min(...distances));
    if (index >= 0 && distances[index] < REACH_PX) show(index); else hide();
  };
  root.addEventListener("pointermove", nearest);
  root.addEventListener("pointerdown", nearest);
  root.addEventListener("pointerleave", hide);
  root.addEventListener("blur", hide);
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step || !points.length) return;
    event.preventDefault();
    show((current + step + points.length) % points.length);
  });
}
