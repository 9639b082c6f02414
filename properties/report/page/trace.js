// The trace of a context: what it says, why, where each head looks, what each neuron says, and the residual stream.

const name = (i) => M.outputs[i];
const chip = (kind, text) => el("span", { class: `chip ${kind}` }, text);
const tok = (text) => el("span", { class: "tok" }, text);
const cut = (text) => text.length > 80 ? `${text.slice(0, 30)} \u2026 ${text.slice(-40)}` : text;

// The answer and its rival: the best that is permitted and the best that is not, or without a rule the best two.
function judged(f, rule, meant, at) {
  const logits = f.logits[f.logits.length - f.tokens.length + at] ?? f.logits.at(-1);
  if (M.number) {
    const off = rule && rule.length ? Math.abs(logits[0] - rule[0]) : null;
    return { logits, rule, meant, says: figure(logits[0]), margin: off === null ? null : M.within - off, wrong: off !== null && !(off < M.within) };
  }
  const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || f.outputs[a] - f.outputs[b]), best = order[0];
  const open = !rule || !rule.length || rule.length === M.outputs.length;
  const inside = (i) => rule.includes(f.outputs[i]);
  const rival = order.find((i) => i !== best && (open || inside(i) !== inside(best)));
  const wrong = !open && (!inside(best) || order.some((i) => !inside(i) && logits[i] === logits[best]));
  const deviates = Boolean(meant && meant.length && !meant.includes(f.outputs[best]));
  return { logits, rule, meant, best, rival, says: name(f.outputs[best]), margin: rival === undefined ? null : logits[best] - logits[rival], wrong, deviates };
}
function judge(tokens, f, at = tokens.length - 1) {
  const rule = permitted(M.rule, tokens, at) ?? M.asked[tokens.join(",")] ?? null;
  return judged(f, rule, permitted(M.meant, tokens, at), at);
}
function verdict(w) {
  const or = (some) => some.map((one) => M.number ? figure(one) : name(one)).join(" or ");
  if (w.rule === null) return [];
  const silent = !w.rule.length || (!M.number && w.rule.length === M.outputs.length);
  const out = [chip(silent ? "undecided" : w.wrong ? "failed" : "holds", silent ? "? rule: nothing specified" : `${w.wrong ? "\u2717" : "\u2713"} rule: ${or(w.rule)}`)];
  if (w.meant && w.meant.length) out.push(" ", chip(w.deviates ? "deviates" : "holds", `${w.deviates ? "\u2260" : "\u2713"} meant: ${or(w.meant)}`));
  return out;
}

const tied = (w) => w.rival !== undefined && w.margin <= 1e-12 * Math.max(Math.abs(w.logits[w.best]), Math.abs(w.logits[w.rival]));
const place = (tokens) => tokens.map((t, i) => `${M.vocab[t]} ${i}`);
function shares(f, w, tokens, room) {
  const margin = !M.number && w.rival !== undefined;
  const one = margin ? name(f.outputs[w.best]) : "", other = margin ? name(f.outputs[w.rival]) : "";
  const parts = f.shares.map(([part, values]) => [part, margin ? values[w.best] - values[w.rival] : values[0]]);
  const total = margin ? w.margin : w.logits[0];
  const why = margin ? "What each part adds to the difference of the two logits." : "What each part adds to the number.";
  const left = el("div", {}, el("h3", {}, margin ? `Why it says ${one} and not ${other}` : "What makes up the number"),
    ...(margin && tied(w) ? [el("p", { class: "cap" }, "The two logits are equal but for rounding: nothing that is meant decides between them.")]
      : [waterfall(margin ? one : "more", margin ? other : "less", parts, total, room, margin ? "margin" : "number"), el("p", { class: "cap" }, why)]));
  const shown = [...w.logits.keys()].sort((a, b) => w.logits[b] - w.logits[a]).slice(0, 6).sort((a, b) => a - b);
  const line = (label, values, kind) => el("tr", kind ? { class: kind } : {}, el("td", {}, label), ...shown.map((i) => el("td", { class: "n m" }, figure(values[i]))));
  const table = el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, M.number ? "share of the number" : "share of the logits"), ...shown.map((i) => el("th", { class: "n" }, name(f.outputs[i]))))),
    el("tbody", {}, ...f.shares.map(([part, values]) => line(part, values)), line(M.number ? "number" : "logits", w.logits, "sum")));
  return el("div", { class: "two" }, left, el("div", {}, el("h3", {}, "The same as numbers"), el("div", { class: "scroll" }, table)));
}
function attention(f, tokens) {
  const columns = place(tokens), from = columns.length - (f.heads[0]?.pattern.length ?? 0);
  const shown = columns.length > 128 ? columns.length - 64 : 0; // of a long context, the end
  const figures = f.heads.map((head) => {
    const first = columns.length - head.pattern.length, rows = head.pattern.length > 32 ? head.pattern.length - 1 : 0;
    const values = head.pattern.slice(rows).map((row) => Array.from(row).slice(shown)), at = (i) => first + rows + i;
    const hidden = (i, j) => Boolean(head.causal) && j + shown > at(i), notes = (i, j) => `, score ${figure(head.scores[rows + i][j + shown])}`;
    return el("figure", { class: "scroll" }, heat(head.name, columns.slice(at(0)), columns.slice(shown), values, { attention: true, hidden, notes, framed: Math.max(0, f.at - at(0)) }));
  });
  const long = from > 0 ? " Of so long a context only the last position is shown." : "";
  const scores = el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "scores of the row that answers"), ...columns.slice(-16).map((c) => el("th", { class: "n" }, c)))),
    el("tbody", {}, ...f.heads.map((head) => el("tr", {}, el("td", {}, head.name),
      ...Array.from((head.scores[f.at - columns.length + head.scores.length] ?? head.scores.at(-1)).slice(-16), (x) => el("td", { class: "n m" }, x === -Infinity ? "masked" : figure(x)))))));
  return f.heads.length ? [el("h3", {}, "Where each head looks"), el("div", { class: "mats" }, ...figures),
    el("p", { class: "cap" }, `Rows attend, columns are attended to; each row adds up to 1. The framed row is the one that answers.${long}`),
    el("details", {}, el("summary", {}, "The scores before softmax"), el("div", { class: "scroll" }, scores))] : [];
}
function sentence(names, values) {
  const terms = Array.from(values).flatMap((x, i) => x ? [[x, names[i]]] : []);
  if (terms.length > 8) return `${terms.length} directions`;
  return terms.map(([x, direction]) => `${figure(x)} ${direction}`).join(" + ").replaceAll("+ \u2212", "\u2212 ") || "nothing";
}
function neurons(f) {
  return f.mlps.flatMap((mlp) => {
    const layer = W && W.layers[mlp.layer], width = layer && layer.w_in.shape[1];
    const all = mlp.neurons ?? Array.from(mlp.values, (value, j) => [j,
      sentence([...M.directions, "always"], [...layer.w_in.values.filter((_, i) => i % width === j), layer.b_in.values[j]]), value, sentence(M.directions, rowOf(layer.w_out, j))]);
    const most = [...all].sort((a, b) => Math.abs(b[2]) - Math.abs(a[2])).slice(0, 16).sort((a, b) => a[0] - b[0]);
    const rows = most.map(([j, reads, value, writes]) => el("tr", {}, el("td", { class: "n" }, String(j)), el("td", { class: "m" }, reads), el("td", { class: "n m" }, figure(value)), el("td", { class: "m" }, writes)));
    const heads = ["neuron", "reads", "its value", "writes, times its value"].map((title, i) => el("th", i % 2 ? {} : { class: "n" }, title));
    return [el("h3", {}, `The neurons of Mlp ${mlp.layer} at this position`), el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows)))];
  });
}
let streamOpen = null;
function stream(f, tokens) {
  if (!f.states.length || M.directions.length > 64) return [];
  const seen = (state) => state.length > 32 ? state.slice(-1) : state, rows = place(tokens);
  const scale = f.states.map(seen).flat().reduce((most, row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), most), 0);
  const figures = f.states.map((state, i) => {
    const first = rows.length - state.length, some = seen(state);
    const names = rows.slice(-some.length), framed = i === f.states.length - 1 ? f.at - first - (state.length - some.length) : -1;
    return el("figure", { class: "scroll" }, heat(i ? `after layer ${i - 1}` : "embedding", names, M.directions, some, { framed, scale }));
  });
  const out = el("details", {}, el("summary", {}, "The residual stream at every position, by named direction"), el("div", { class: "mats" }, ...figures),
    el("p", { class: "cap" }, "Blue is positive, orange negative; the strongest colour is the largest value of these pictures, how strong it is goes by the cube root."));
  out.open = streamOpen ?? (M.directions.length <= 12 && innerWidth >= 760 && f.states.length < 4);
  out.addEventListener("toggle", () => { streamOpen = out.open; });
  return [out];
}
// Where every position answers: what it says at each, and a button for the trace of that one.
function positions(f, tokens, at) {
  if (!M.every) return [];
  const rows = tokens.map((t, i) => {
    const w = judge(tokens, f, i), button = el("button", { type: "button" }, i === at ? "shown below" : "trace this position");
    button.addEventListener("click", () => show(tokens, i));
    return el("tr", {}, el("td", { class: "n" }, String(i)), el("td", { class: "m" }, M.vocab[t]), el("td", { class: "m" }, w.says), el("td", {}, ...verdict(w)), el("td", {}, button));
  });
  return [el("h3", {}, "What it says at each position"), el("table", {}, el("thead", {}, el("tr", {}, ...["position", "token", "says", "", ""].map((t, i) => el("th", i ? {} : { class: "n" }, t)))), el("tbody", {}, ...rows))];
}

const runs = new Map(); // what was computed, by its tokens
function run(tokens, at = tokens.length - 1) {
  const key = `${tokens.join(",")}@${at}`;
  if (!runs.has(key)) {
    if (runs.size > 500) runs.clear();
    const found = W ? forward(tokens, at) : M.traces.find((one) => String(one.tokens) === String(tokens));
    if (found && !W) found.at = tokens.length - 1;
    runs.set(key, found ?? null);
  }
  return runs.get(key);
}

let shown = null;
function show(tokens, at = tokens.length - 1) {
  const f = run(tokens, at), out = byId("trace-out");
  if (!f) return;
  shown = tokens;
  const w = judge(tokens, f, at), where = M.every ? ` at position ${at} ` : " ";
  const by = w.margin === null ? ". " : M.number ? `, ${figure(w.margin)} inside of what is permitted. ` : tied(w) ? `, tied with ${name(f.outputs[w.rival])}. ` : `, by ${figure(w.margin)} over ${name(f.outputs[w.rival])}. `;
  byId("said").replaceChildren(M.every ? "In " : "After ", tok(cut(join(tokens))), `${where}it says `, el("b", { class: "tok" }, w.says), by, ...verdict(w));
  const room = innerWidth < 760 ? out.clientWidth : out.clientWidth * 0.56;
  out.replaceChildren(...positions(f, tokens, at), shares(f, w, tokens, room), ...attention(f, tokens), ...neurons(f), ...stream(f, tokens));
  select(tokens, w);
}
