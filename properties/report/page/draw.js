// Pictures, in the one language of zoo/inspection/pictures.py: rows attend, columns are attended to, from 0 to 1;
// weights and streams are blue where positive, orange where negative, by the cube root of the largest.

const SVG = "http://www.w3.org/2000/svg";
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
const el = (name, attributes, ...children) => filled(document.createElement(name), attributes, children);
const sv = (name, attributes, ...children) => filled(document.createElementNS(SVG, name), attributes, children);
const minus = (text) => text.replace(/-/g, "\u2212");
// As Python's :g, with a sign that is one.
const figure = (x) => minus(String(Math.abs(x) < 5e-16 ? 0 : Number(x.toPrecision(6))));
const signed = (x) => (x > 0 ? "+" : "") + figure(x);
function short(x) {
  const size = Math.abs(x);
  if (size >= 9999.5 || size < 0.0005) return minus(x.toExponential(0).replace("+", ""));
  const text = size >= 99.5 ? x.toFixed(0) : String(Number(x.toPrecision(size >= 1 ? 3 : 2)));
  return minus(size < 1 ? text.replace("0.", ".") : text);
}
const strength = (x, most, attention) => Math.max(0.06, most ? attention ? Math.abs(x) : Math.cbrt(Math.min(1, Math.abs(x) / most)) : 0);

// A matrix with names; `attention` from 0 to 1, `hidden(i, j)` what a mask leaves out, `framed` the row that answers.
function heat(title, rows, columns, values, { attention = false, hidden = () => false, framed = -1, notes = null, scale = null } = {}) {
  const cell = columns.length <= 12 ? 34 : columns.length <= 24 ? 22 : 14, high = Math.min(24, cell);
  const widest = Math.max(...rows.map((name) => name.length), attention ? 7 : 4), turned = 7 * Math.max(...columns.map((c) => c.length)) + 4 > cell;
  const left = 8 + 7 * widest, top = (attention ? 38 : 24) + (turned ? 7 * Math.max(...columns.map((c) => c.length)) + 8 : 16);
  const width = Math.max(left + Math.max(cell * columns.length + 6, attention ? 72 : 0), 8 * title.length), height = top + high * rows.length + 6;
  const most = scale ?? Math.max(...values.map((row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), 0)));
  const spoken = rows.map((name, i) => `${name}: ` + columns.flatMap((c, j) => Math.abs(values[i][j]) > 5e-4 ? [`${c} ${figure(values[i][j])}`] : []).join(", "));
  const out = sv("svg", { class: "fig", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${title}. ${spoken.join("; ")}` });
  out.append(sv("text", { class: "h", x: 0, y: 13 }, title));
  if (attention) out.append(sv("text", { class: "w", x: left, y: 28 }, "attended to"), sv("text", { class: "w e", x: left - 6, y: top - 5 }, "attends"));
  if (!attention && values.every((row) => row.every((v) => v === 0))) out.append(sv("text", { class: "w", x: left, y: 28 }, "all zero"));
  columns.forEach((name, j) => {
    const x = left + cell * j + cell / 2;
    out.append(turned ? sv("text", { transform: `translate(${x + 4} ${top - 5}) rotate(-90)` }, name) : sv("text", { class: "mid", x, y: top - 5 }, name));
  });
  rows.forEach((name, i) => {
    out.append(sv("text", { class: "e", x: left - 6, y: top + high * i + high / 2 + 4 }, name));
    columns.forEach((column, j) => {
      const v = values[i][j], box = { x: left + cell * j + 0.5, y: top + high * i + 0.5, width: cell - 1, height: high - 1 };
      if (hidden(i, j)) { out.append(sv("rect", { ...box, class: "k" }, sv("title", {}, "masked"))); return; }
      if (Math.abs(v) < 1e-300) { out.append(sv("rect", { ...box, class: "z" })); return; }
      const strong = strength(v, most, attention), title = `${name} ${attention ? "to" : "\u2192"} ${column}: ${figure(v)}${notes ? notes(i, j) : ""}`;
      out.append(sv("rect", { ...box, class: attention ? "a" : v > 0 ? "p" : "q", "fill-opacity": strong.toFixed(3) }, sv("title", {}, title)));
      if (cell === 34 && (attention ? v >= 0.005 : Math.abs(v) >= 1e-6 * most)) {
        out.append(sv("text", { class: `mid ${strong > 0.62 ? "vi" : "v"}`, x: box.x + cell / 2, y: box.y + high / 2 + 4 }, short(v)));
      }
    });
  });
  if (framed >= 0) out.append(sv("rect", { class: "last", x: left - 0.5, y: top + high * framed - 0.5, width: cell * columns.length + 1, height: high + 1, rx: 3 }));
  return out;
}

// What each part adds to a difference of two logits, one after the other, up to the margin.
function waterfall(one, other, parts, total, room, whole = "margin") {
  const width = Math.max(290, Math.min(500, room)), left = 18 + 7 * Math.max(9, ...parts.map(([name]) => name.length)), right = 92, row = 27, top = 30, height = top + row * (parts.length + 1) + 16;
  let low = Math.min(0, total), high = Math.max(0, total), sum = 0;
  for (const [, part] of parts) { sum += part; low = Math.min(low, sum); high = Math.max(high, sum); }
  if (low === high) high = low + 1;
  const x = (value) => left + (width - left - right) * (value - low) / (high - low);
  const spoken = parts.map(([name, part]) => `${name} ${signed(part)}`).join(", ");
  const out = sv("svg", { class: "wf", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${whole === "margin" ? `Logit of ${one} minus that of ${other}` : "The number"}, part by part: ${spoken}; together ${signed(total)}` });
  const towards = whole === "margin" ? "for " : "";
  if (x(0) > 60) out.append(sv("text", { class: "e", x: x(0) - 6, y: 16 }, `\u2190 ${towards}${other}`));
  out.append(sv("text", { x: x(0) + 6, y: 16 }, `${towards}${one} \u2192`), sv("line", { class: "l", x1: x(0), x2: x(0), y1: 22, y2: height - 6 }));
  sum = 0;
  parts.forEach(([name, part], i) => {
    const y = top + row * i, from = sum;
    sum += part;
    out.append(
      sv("text", { class: "e", x: left - 10, y: y + 14 }, name),
      sv("rect", { class: part >= 0 ? "p" : "q", x: Math.min(x(from), x(sum)), y: y + 2, width: Math.max(Math.abs(x(sum) - x(from)), 1.5), height: 17, rx: 2 }),
      sv("line", { class: "l", "stroke-dasharray": "2 2", x1: x(sum), x2: x(sum), y1: y + 19, y2: y + row + 2 }),
      sv("text", { x: Math.max(x(from), x(sum)) + 6, y: y + 14 }, signed(part)));
  });
  const y = top + row * parts.length;
  out.append(
    sv("text", { class: "e h", x: left - 10, y: y + 15 }, whole),
    sv("rect", { class: "t", x: Math.min(x(0), x(total)), y: y + 3, width: Math.max(Math.abs(x(total) - x(0)), 2), height: 17, rx: 2 }),
    sv("text", { class: "h", x: Math.max(x(0), x(total)) + 6, y: y + 15 }, signed(total)));
  return out;
}
