// The map of every context: a row for each length, in which contexts stand by their last token, then the one before.

const ROW = 34, map = byId("map"), now = byId("map-say");
const cells = map && map.dataset.kind === "cells";
const lengthRows = map ? [...map.querySelectorAll("g[data-length]")].map((row) => Number(row.dataset.length)) : [];
const rowsOf = new Map(); // the contexts of a length in the order of their row
function row(length) {
  if (!rowsOf.has(length)) {
    let all = [];
    for (const sets of layouts(length)) {
      if (!sets) continue;
      let some = [[]];
      for (let i = length - 1; i >= 0; i--) some = some.flatMap((end) => sets[i].map((token) => [token, ...end]));
      all = all.concat(some);
    }
    const before = (a, b) => { for (let i = length - 1; i >= 0; i--) if (a[i] !== b[i]) return a[i] - b[i]; return 0; };
    all.sort(before);
    rowsOf.set(length, { all, at: new Map(all.map((tokens, i) => [String(tokens), i])) });
  }
  return rowsOf.get(length);
}
const rectangle = (tokens) => {
  const y = lengthRows.indexOf(tokens.length), of = cells && y >= 0 ? row(tokens.length) : null, i = of ? of.at.get(String(tokens)) : undefined;
  return i === undefined ? null : { x: `${100 * i / of.all.length}%`, width: `${Math.max(100 / of.all.length, 0.3)}%`, y: ROW * y };
};
function said(tokens, w) {
  const by = w.margin === null ? " " : ` by ${figure(w.margin)} `;
  now.replaceChildren(tok(cut(join(tokens))), " \u2192 ", el("b", { class: "m" }, w.says), by, ...verdict(w));
}
function select(tokens, w) {
  if (!map) return;
  const box = rectangle(tokens), frame = map.querySelector(".sel");
  if (box) { for (const [key, value] of Object.entries(box)) frame.setAttribute(key, value); frame.removeAttribute("visibility"); } else if (cells) frame.setAttribute("visibility", "hidden");
  said(tokens, w);
}
// Where there are leaves: a context of one, its other tokens the first of the vocabulary.
function ofLeaf(rect) {
  const [length, known] = JSON.parse(rect.dataset.leaf), sets = layouts(length).find((one) => one) ?? [];
  return Array.from({ length }, (_, i) => known[i - length] ?? (sets[i] ? sets[i][0] : 0));
}
function frameLeaf(rect) {
  const frame = map.querySelector(".sel");
  for (const key of ["x", "y", "width"]) frame.setAttribute(key, rect.getAttribute(key));
  frame.removeAttribute("visibility");
  leaf = rect;
}
let leaf = null;
function pointed(event) {
  if (!cells) return event.target.dataset && event.target.dataset.leaf ? event.target : null;
  const box = map.getBoundingClientRect(), y = Math.floor((event.clientY - box.top) / ROW), length = lengthRows[Math.max(0, Math.min(lengthRows.length - 1, y))];
  const all = row(length).all;
  return all[Math.max(0, Math.min(all.length - 1, Math.floor((event.clientX - box.left) / box.width * all.length)))];
}
// The context that an arrow leads to; null where there is none.
function stepped(tokens, key) {
  const at = lengthRows.indexOf(tokens.length), of = row(tokens.length), i = of.at.get(String(tokens));
  if (i === undefined) return row(lengthRows[0]).all[0];
  if (key === "ArrowLeft" || key === "ArrowRight") return of.all[i + (key === "ArrowLeft" ? -1 : 1)] ?? null;
  const other = lengthRows[at + (key === "ArrowUp" ? -1 : 1)];
  if (other === undefined) return null;
  const next = key === "ArrowUp" ? tokens.slice(1) : [0, ...tokens];
  if (row(other).at.has(String(next))) return next;
  const all = row(other).all; // of a domain, what stands above or below
  return all[Math.min(all.length - 1, Math.floor((i + 0.5) / of.all.length * all.length))];
}
function steppedLeaf(key) {
  const groups = [...map.querySelectorAll("g[data-length]")].map((one) => [...one.querySelectorAll("[data-leaf]")]).filter((one) => one.length);
  if (!leaf) return groups[0][0];
  const y = groups.findIndex((one) => one.includes(leaf)), x = groups[y].indexOf(leaf);
  if (key === "ArrowLeft" || key === "ArrowRight") return groups[y][x + (key === "ArrowLeft" ? -1 : 1)] ?? null;
  const other = groups[y + (key === "ArrowUp" ? -1 : 1)], middle = parseFloat(leaf.getAttribute("x")) + parseFloat(leaf.getAttribute("width")) / 2;
  return other ? other.find((one) => parseFloat(one.getAttribute("x")) + parseFloat(one.getAttribute("width")) >= middle) ?? other.at(-1) : null;
}
function listen() {
  if (!map) return;
  const to = (found) => { if (!found) return; if (cells) go(found); else { go(ofLeaf(found)); frameLeaf(found); } };
  map.addEventListener("click", (event) => to(pointed(event)));
  map.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { byId("trace").scrollIntoView(); (byId("context") ?? byId("trace")).focus(); event.preventDefault(); return; }
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    to(cells ? stepped(shown, event.key) : steppedLeaf(event.key));
  });
  if (!cells) return;
  map.addEventListener("pointermove", (event) => { const tokens = pointed(event), f = run(tokens); if (f) select(tokens, judge(tokens, f)); });
  map.addEventListener("pointerleave", () => { const f = shown && run(shown); if (f) select(shown, judge(shown, f)); });
}
// Frames the contexts in which another model answers otherwise.
function compare(other) {
  const marks = byId("marks"), note = byId("marks-say"), some = M.others[other] ?? [];
  marks.replaceChildren(...some.flatMap((tokens) => { const box = rectangle(tokens); return box ? [sv("rect", { class: "mark", height: ROW - 2, ...box })] : []; }));
  const clear = el("button", { type: "button" }, "clear");
  clear.addEventListener("click", () => { marks.replaceChildren(); note.hidden = true; });
  note.replaceChildren(`Framed: the ${some.length} contexts where `, el("code", {}, other), " answers otherwise. ", clear);
  note.hidden = false;
  byId("main").scrollIntoView();
}
