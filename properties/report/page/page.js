// The page itself: its theme, what is printed, where one is, and what is typed.

const root = document.documentElement;
root.classList.add("scripted");
function theme() {
  const button = byId("theme"), kinds = ["", "light", "dark"], names = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  try { root.dataset.theme = localStorage.getItem("zoo-theme") ?? ""; } catch { root.dataset.theme = ""; }
  const say = () => { button.textContent = names[root.dataset.theme] ?? names[""]; };
  say();
  button.addEventListener("click", () => {
    root.dataset.theme = kinds[(kinds.indexOf(root.dataset.theme) + 1) % 3];
    try { localStorage.setItem("zoo-theme", root.dataset.theme); } catch { /* it lasts as long as the page */ }
    say();
  });
}
function printing() {
  let opened = [];
  addEventListener("beforeprint", () => { opened = [...document.querySelectorAll("details:not([open])")]; opened.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
}
function contents() {
  const links = new Map([...document.querySelectorAll("nav.toc a")].map((a) => [a.hash.slice(1), a]));
  if (!links.size || !("IntersectionObserver" in window)) return;
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) {
      links.forEach((a) => a.removeAttribute("aria-current"));
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  links.forEach((_, id) => { if (byId(id)) seen.observe(byId(id)); });
}

const input = byId("context");
function note(text, invalid) {
  byId("err").textContent = text;
  if (input) input.setAttribute("aria-invalid", String(invalid));
}
const remember = (tokens) => { try { history.replaceState(null, "", `#after=${encodeURIComponent(join(tokens))}`); } catch { /* the address stays */ } };
function go(tokens) {
  if (input) input.value = join(tokens);
  note("", false);
  show(tokens);
  remember(tokens);
}
// What is typed: cut to the last n_ctx tokens, as the model does; what is no token is said.
function typed(text) {
  const words = split(M.chars && !text.startsWith("[") ? text.trim() : text), strange = words.find((word) => !M.vocab.includes(word));
  const some = M.vocab.slice(0, 12).join(", ") + (M.vocab.length > 12 ? ", \u2026" : "");
  if (!words.length) return note(`Type a context of ${some}.`, true);
  if (strange !== undefined) return note(`\u201c${strange}\u201d is no token: type ${some}.`, true);
  const tokens = numbers(words).slice(-M.n_ctx);
  const long = words.length > M.n_ctx ? `Cut to its last ${M.n_ctx} tokens, as the model does. ` : "";
  note(long + (inDomain(tokens) ? "" : "This is outside the domain: nothing is said of it."), false);
  show(tokens);
}
function random() {
  const lengths = M.layouts.flatMap(({ start, runs }) => { const longest = runs.reduce((sum, [, many]) => sum + many, 0); return [[start, longest]]; });
  const [least, most] = lengths[Math.floor(Math.random() * lengths.length)], length = least + Math.floor(Math.random() * (Math.min(most, M.n_ctx) - least + 1));
  const sets = layouts(length).find((one) => one);
  return sets.map((set) => set[Math.floor(Math.random() * set.length)]);
}
function begin() {
  const link = /^#after=(.+)$/.exec(location.hash), first = numbers([...(typeof M.first === "string" ? [...M.first] : M.first)]);
  let asked = null;
  if (link) try { const words = split(decodeURIComponent(link[1])); if (words.length && words.every((word) => M.vocab.includes(word))) asked = numbers(words).slice(-M.n_ctx); } catch { /* no context */ }
  const tokens = asked && run(asked) ? asked : first;
  if (input) input.value = join(tokens);
  show(tokens);
}

theme();
printing();
contents();
if (M) {
  window.zoo = { model: M, forward, permitted, run, contexts: (length) => row(length).all };
  if (input) {
    input.addEventListener("input", () => typed(input.value));
    input.addEventListener("change", () => { if (shown) remember(shown); });
    byId("random").addEventListener("click", () => go(random()));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-after]"), other = event.target.closest("[data-compare]");
    if (button) { go(numbers(JSON.parse(button.dataset.after)).slice(-M.n_ctx)); byId("trace").scrollIntoView(); }
    if (other) compare(other.dataset.compare);
  });
  addEventListener("hashchange", begin);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; if (shown) requestAnimationFrame(() => show(shown)); } });
  listen();
  begin();
}
