// The forward pass in float64, in the operations of zoo/transformer/forward.py, and the rule as its decision tree.

const byId = (id) => document.getElementById(id);
const held = byId("model");
const M = held ? JSON.parse(held.textContent) : null;
if (M) { // what properties/dossier/page.py wrote shorter
  const whole = (names) => names && names.size ? Array.from({ length: names.size }, (_, i) => names.some[i] ?? `token ${i}`) : names;
  M.vocab = whole(M.vocab);
  M.outputs = whole(M.outputs) ?? M.vocab;
  M.sets = M.sets.map((set) => set ?? M.vocab.map((_, i) => i));
}

// Arrays as properties/dossier/embedded.py writes them: {shape, at, x} or {shape, f8 or f4}.
function unpack(array) {
  if (array === null || array === undefined) return null;
  const size = array.shape.reduce((a, b) => a * b, 1);
  let values = new Float64Array(size);
  if (array.at) {
    let i = 0;
    array.at.forEach((step, n) => { i += step; values[i] = Array.isArray(array.x) ? array.x[n] : array.x; });
  } else {
    const bytes = Uint8Array.from(atob(array.f8 ?? array.f4), (c) => c.charCodeAt(0)), view = new DataView(bytes.buffer);
    for (let i = 0; i < size; i++) values[i] = array.f8 ? view.getFloat64(8 * i, true) : view.getFloat32(4 * i, true);
  }
  return { shape: array.shape, values };
}

// One head's matrix of [head, rows, columns], or one row of [head, columns].
const sliced = (array, h) => array && { shape: array.shape.slice(1), values: array.values.subarray(
  h * array.values.length / array.shape[0], (h + 1) * array.values.length / array.shape[0]) };
const rowOf = (array, i) => array.values.subarray(i * array.shape.at(-1), (i + 1) * array.shape.at(-1));

const unpackNorm = (norm) => norm && { weight: unpack(norm.weight).values, bias: unpack(norm.bias).values, eps: norm.eps };
const W = M && M.weights && {
  tokens: unpack(M.weights.tokens), positions: unpack(M.weights.positions),
  readout: unpack(M.weights.unembedding ?? M.weights.tokens), norm: unpackNorm(M.weights.norm),
  layers: M.weights.layers.map((layer) => Object.fromEntries(Object.entries(layer).map(
    ([name, value]) => [name, name === "norm" ? unpackNorm(value) : value && value.shape ? unpack(value) : value]))),
};

// [seq, d_in], [d_in, d_out] -> [seq, d_out]; what is zero costs nothing
const linear = (rows, w, bias) => rows.map((row) => {
  const out = bias ? Float64Array.from(bias.values) : new Float64Array(w.shape[1]);
  row.forEach((x, i) => { if (x) for (let j = 0, at = i * out.length; j < out.length; j++) out[j] += x * w.values[at + j]; });
  return out;
});
const dot = (a, b) => { let sum = 0; for (let i = 0; i < a.length; i++) sum += a[i] * b[i]; return sum; };
const plus = (a, b) => a.map((x, i) => x + b[i]);
const mean = (row) => row.reduce((a, b) => a + b, 0) / row.length;

const embed = (tokens) => tokens.map((t, i) => plus(rowOf(W.tokens, t), rowOf(W.positions, i)));
function normalize(rows, norm) {
  if (!norm) return rows;
  return rows.map((row) => {
    const middle = mean(row), centred = row.map((x) => x - middle);
    const deviation = Math.sqrt(mean(centred.map((x) => x * x)) + norm.eps);
    return centred.map((x, i) => x / deviation * norm.weight[i] + norm.bias[i]);
  });
}
function softmax(scores) {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity), e = scores.map((x) => Math.exp(x - most));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((x) => x / total);
}
// What each head writes at the last `asked` positions, and where it looks from there.
function attend(rows, layer, asked) {
  const heads = [];
  for (let h = 0; h < layer.w_q.shape[0]; h++) {
    const q = linear(rows.slice(-asked), sliced(layer.w_q, h), sliced(layer.b_q, h));
    const k = linear(rows, sliced(layer.w_k, h), sliced(layer.b_k, h));
    const v = linear(rows, sliced(layer.w_v, h), sliced(layer.b_v, h));
    const scores = q.map((query, r) => {
      const felt = [...query.keys()].filter((i) => query[i]), last = rows.length - asked + r;
      return k.map((key, c) => layer.causal && c > last ? -Infinity : felt.reduce((sum, i) => sum + query[i] * key[i], 0) * layer.scale);
    });
    const pattern = scores.map(softmax);
    const means = pattern.map((weights) => {
      const out = new Float64Array(v[0].length);
      weights.forEach((a, c) => { if (a) for (let j = 0; j < out.length; j++) out[j] += a * v[c][j]; });
      return out;
    });
    heads.push({ scores, pattern, written: linear(means, sliced(layer.w_o, h)) });
  }
  return heads;
}
const ACTIVATIONS = {
  relu: (x) => Math.max(x, 0),
  gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
};
function transform(rows, layer) {
  const hidden = linear(rows, layer.w_in, layer.b_in).map((row) => row.map(ACTIVATIONS[layer.activation]));
  return { hidden, written: linear(hidden, layer.w_out, layer.b_out) };
}
const unembed = (row) => Array.from({ length: W.readout.shape[0] }, (_, i) => dot(rowOf(W.readout, i), row));

// Everything that is shown: logits, each part's share of those at position `at`, attention, neurons, the stream.
function forward(tokens, at = tokens.length - 1) {
  let x = embed(tokens);
  const all = tokens.length <= 32 || M.every, last = W.layers.findLastIndex((layer) => layer.kind === "attention");
  const f = { tokens, at, states: [x], heads: [], mlps: [], outputs: M.outputs.map((_, i) => i) };
  const parts = [["embedding", x[at]]];
  if (!all && last < 0) x = x.slice(-1);
  W.layers.forEach((layer, i) => {
    const h = normalize(x, layer.norm), asked = !all && i === last ? 1 : x.length;
    x = x.slice(-asked);
    const row = at - tokens.length + x.length; // where `at` is among the rows that are left
    if (layer.kind === "attention") {
      attend(h, layer, asked).forEach((head, n) => {
        f.heads.push({ name: `head ${i}.${n}`, pattern: head.pattern, scores: head.scores, causal: layer.causal });
        parts.push([`head ${i}.${n}`, head.written[row]]);
        x = x.map((one, r) => plus(one, head.written[r]));
      });
      if (layer.b_o) {
        parts.push([`bias ${i}`, layer.b_o.values]);
        x = x.map((one) => plus(one, layer.b_o.values));
      }
    } else {
      const { hidden, written } = transform(h, layer);
      f.mlps.push({ layer: i, values: hidden[row] });
      parts.push([`mlp ${i}`, written[row]]);
      x = x.map((one, r) => plus(one, written[r]));
    }
    f.states.push(x);
  });
  f.logits = normalize(x, W.norm).map(unembed);
  const row = at - tokens.length + x.length;
  if (W.norm) { // its mean and deviation are taken as they are
    const final = x[row], middle = mean(final), deviation = Math.sqrt(mean(final.map((v) => (v - middle) ** 2)) + W.norm.eps);
    f.shares = parts.map(([name, part]) => { const own = mean(part); return [name, unembed(part.map((v, i) => (v - own) / deviation * W.norm.weight[i]))]; });
    f.shares.push(["final norm bias", unembed(W.norm.bias)]);
  } else f.shares = parts.map(([name, part]) => [name, unembed(part)]);
  return f;
}

// What may stand at each position of a length, for each layout of the domain that has it: sets of numbers of tokens.
function layouts(length) {
  return M.layouts.map(({ start, runs }) => {
    const sets = runs.flatMap(([set, many]) => Array(Math.max(0, Math.min(many, length))).fill(M.sets[set]));
    return length >= start && runs.reduce((sum, [, many]) => sum + many, 0) >= length ? sets.slice(0, length) : null;
  });
}
const fits = (tokens, sets) => sets !== null && sets.every((set, i) => set.includes(tokens[i]));
const inDomain = (tokens) => M.anywhere || layouts(tokens.length).some((sets) => fits(tokens, sets));

// What a fold permits: its states as properties/dossier/states.py writes them, walked through token by token.
const tables = new Map();
function uint16(text) {
  const view = new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  return Array.from({ length: view.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
}
function ended(fold, tokens) {
  if (!tables.has(fold)) tables.set(fold, { next: uint16(fold.next), says: uint16(fold.says) });
  const { next, says } = tables.get(fold);
  return fold.permits[says[tokens.reduce((state, token) => next[state * fold.tokens + token], 0)]] ?? null;
}
// What a tree permits: numbers of outputs, a number, or nothing; null where it is not known here.
function permitted(tree, tokens, at) {
  if (tree && tree.permits) return inDomain(tokens) ? ended(tree, tokens) : null;
  const n = tokens.length, layout = layouts(n).findIndex((sets) => fits(tokens, sets)), where = M.every ? at : 0;
  const root = tree ? tree.of.findIndex((one) => one[0] === n && one[1] === layout && one[2] === where) : -1;
  if (root < 0) return null;
  let node = tree.nodes[tree.roots[root]];
  while (node[0] !== "permits") {
    let next;
    if (node[0] === "count") { // how many of some positions hold one of some tokens
      const [, [first, last, step], set, ...parts] = node;
      let found = 0;
      for (let i = first; i <= last; i += step) found += tree.sets[set].includes(tokens[n + i]);
      next = parts.find(([least, most]) => least <= found && found <= most)?.[2];
    } else next = node.slice(1).find(([set]) => tree.sets[set].includes(tokens[n + node[0]]))?.[1];
    if (next === undefined) return null;
    node = tree.nodes[next];
  }
  return node.slice(1);
}

const split = (text) => {
  if (text.trim().startsWith("[")) try { const listed = JSON.parse(text); if (Array.isArray(listed)) return listed.map(String); } catch { /* typed on */ }
  return M.chars ? [...text] : text.trim().split(/\s+/).filter(Boolean);
};
const listed = () => M.vocab.some((t) => /\s/.test(t) || t.startsWith("["));
const join = (tokens) => {
  const words = tokens.map((t) => M.vocab[t]);
  return M.chars ? words.join("") : listed() ? JSON.stringify(words) : words.join(" ");
};
const numbers = (words) => words.map((word) => M.vocab.indexOf(word));
