// Maps of points: a mark an image, drawn once a choice; the mark under the mouse or the keyboard shows its image.

const MAP = { width: 640, height: 520, margin: 16 };
const REACH = 24;

// Marks of one map. `look` says how each image is drawn; `onShow(index, x, y)` shows one, in all maps.
function drawMap(picture, look, label, actions) {
  const size = Math.min(MAP.width, MAP.height) - 2 * MAP.margin;
  const at = picture.x.map((x, i) => [MAP.width / 2 + x * size, MAP.height / 2 - picture.y[i] * size]);
  const overlay = svg("g", {});
  const root = svg("svg", {
    class: "map", viewBox: `0 0 ${MAP.width} ${MAP.height}`, role: "img", tabindex: "0",
    "aria-label": `${label}. Arrow keys go to the next image on that side, Page Up and Page Down through all.`,
  });
  // Marks that are faded lie below the others.
  const order = at.map((_, i) => i).sort((a, b) => look(b).faded - look(a).faded);
  root.append(...order.map((i) => {
    const { style, hollow, faded, number } = look(i);
    const mark = drawMarker(style, at[i][0].toFixed(1), at[i][1].toFixed(1), 3, hollow);
    mark.setAttribute("class", ["mark", hollow && "hollow", faded && "faded", number && "number"].filter(Boolean).join(" "));
    return mark;
  }), overlay);
  const map = { root, at, mark: (index, near) => overlay.replaceChildren(...rings(at, index, near)) };
  listenToMap(map, (i) => look(i).faded, actions);
  return map;
}

function rings(at, index, near) {
  if (index === null) return [];
  const ring = (i, r, name) => svg("circle", { class: name, cx: at[i][0], cy: at[i][1], r });
  return [...near.map((i) => ring(i, 6, "ring")), ring(index, 8, "halo")];
}

function listenToMap(map, faded, { show, hide, current }) {
  const { root, at } = map;
  const open = () => at.map((_, i) => i).filter((i) => !faded(i));
  const closest = (indices, distance) => indices.reduce((best, i) => distance(i) < distance(best) ? i : best, indices[0]);
  const speak = (index) => {
    const box = root.getBoundingClientRect();
    const zoom = box.width / MAP.width;
    show(index, box.left + at[index][0] * zoom, box.top + at[index][1] * zoom);
  };
  const point = (event) => {
    const box = root.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top].map((v) => v * MAP.width / box.width);
    const distance = (i) => Math.hypot(at[i][0] - x, at[i][1] - y);
    const index = closest(open(), distance);
    if (index !== undefined && distance(index) < REACH) speak(index); else hide();
  };
  const beside = (index, [dx, dy]) => {
    const along = (i) => (at[i][0] - at[index][0]) * dx + (at[i][1] - at[index][1]) * dy;
    const across = (i) => Math.abs((at[i][0] - at[index][0]) * dy) + Math.abs((at[i][1] - at[index][1]) * dx);
    return closest(open().filter((i) => along(i) > 0 && across(i) <= along(i)), (i) => along(i) + 2 * across(i)) ?? index;
  };
  const SIDES = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  root.addEventListener("pointermove", point);
  root.addEventListener("pointerdown", point);
  root.addEventListener("pointerleave", hide);
  root.addEventListener("blur", hide);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const side = SIDES[event.key];
    const step = { PageDown: 1, PageUp: -1 }[event.key];
    const all = open();
    if ((!side && !step) || !all.length) return;
    event.preventDefault();
    if (current() === null) speak(closest(all, (i) => Math.hypot(at[i][0] - MAP.width / 2, at[i][1] - MAP.height / 2)));
    else speak(side ? beside(current(), side) : all[(all.indexOf(current()) + step + all.length) % all.length]);
  });
}
