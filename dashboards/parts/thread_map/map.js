// Draws a thread map and reports the turn that a person opens. Places and words are computed in nodes.py and layout.py; texts of
// models are set as text content and attributes alone, never as markup.
const SVG = "http://www.w3.org/2000/svg";
const CLOSEST = 3, STEP = 1.25, LEGIBLE = 0.6, ICON = 14, LETTER = 6.65; // pixels of an icon, and of a letter
const ICONS = { // in a square of 12
  correct: "M2 6.5l2.8 2.8L10 3.2", incorrect: "M2.8 2.8l6.4 6.4M9.2 2.8l-6.4 6.4",
  unparsed: "M3.6 4.2a2.4 2.4 0 1 1 3.5 2.1c-.8.4-1.1.8-1.1 1.6M6 10.4v.1", undecided: "M6 2v5.2M6 10.2v.1",
  pending: "M2.2 6v.1M6 6v.1M9.8 6v.1", continued: "M4 2.5L8 6l-4 3.5", ended: "M3 3h6v6H3z", pruned: "M2.5 6h7",
  open: "M6 2.6a3.4 3.4 0 1 0 .01 0z", unjudged: "M6 3l3 3-3 3-3-3z",
};

function shape(name, attributes = {}, ...inner) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inner);
  return element;
}

function marks(node, height) {
  const { width, state, kept, share, label } = node;
  const drawn = [shape("rect", { class: "box", width, height, rx: 3 })];
  if (share !== null) {
    drawn.push(shape("rect", { class: "rest", y: height - 3, width, height: 3 }));
    drawn.push(shape("rect", { class: "share", y: height - 3, width: width * share, height: 3 }));
  }
  drawn.push(shape("path", { class: "icon", d: ICONS[state], transform: `translate(4 ${(height - 12) / 2})` }));
  if (kept) drawn.push(shape("path", { class: "corner", d: `M${width - 7} 0h7v7z` }));
  const room = width - ICON - 7, fit = Math.floor(room / LETTER);
  if (label && fit > 1) {
    const letters = [...label], text = shape("text", { y: height / 2 + 4 });
    text.textContent = letters.length > fit ? `${letters.slice(0, fit - 1).join("")}…` : label;
    drawn.push(shape("svg", { x: ICON + 5, width: room, height, "aria-hidden": true }, text)); // clips wide letters
  }
  return drawn;
}

class ThreadMap {
  constructor(root) {
    this.view = root.querySelector(".view");
    this.legend = root.querySelector(".legend");
    this.scale = 0; // 0: fitted to the width
    for (const button of root.querySelectorAll("[data-zoom]")) button.onclick = () => this.zoom(button.dataset.zoom);
    this.view.addEventListener("keydown", (event) => this.key(event));
    this.view.addEventListener("click", (event) => this.open(this.place(event.target)));
    this.view.addEventListener("focusin", (event) => this.focused(this.place(event.target)));
    this.view.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? "in" : "out");
    }, { passive: false });
    this.drag();
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(this.view);
  }

  show(data, report) {
    this.report = report;
    const drawn = JSON.stringify({ ...data, opened: null });
    if (drawn !== this.drawn) {
      const focused = this.data?.nodes[this.current]?.id;
      this.data = data;
      this.drawn = drawn;
      this.draw(Math.max(0, data.nodes.findIndex((node) => node.id === focused)));
    }
    this.select(data.nodes.findIndex((node) => node.id === data.opened));
  }

  draw(current) {
    const { nodes, edges, width, height, row } = this.data;
    this.edges = edges.map(([from, to]) => {
      const [a, b] = [nodes[from], nodes[to]];
      const [x, y, end, below] = [a.x + a.width, a.y + row / 2, b.x, b.y + row / 2];
      const bend = Math.min(24, (end - x) / 2);
      const d = `M${x} ${y}H${end - 2 * bend}C${end - bend} ${y} ${end - bend} ${below} ${end} ${below}`;
      return shape("path", { class: `edge ${b.state === "pruned" ? "pruned" : ""}`, d });
    });
    this.items = nodes.map((node) => {
      const title = shape("title");
      title.textContent = node.told;
      const attributes = { role: "treeitem", tabindex: -1, class: node.state, transform: `translate(${node.x} ${node.y})`,
        "aria-level": node.layer + 1, "aria-label": node.told, "aria-selected": false };
      return shape("g", attributes, title, ...marks(node, row));
    });
    this.ring = shape("rect", { class: "focus", height: row + 6, rx: 5 });
    this.svg = shape("svg", { role: "tree", "aria-label": "Turns", viewBox: `0 0 ${width} ${height}` },
      shape("g", { "aria-hidden": true }, ...this.edges), ...this.items, this.ring);
    this.places = new Map(this.items.map((item, place) => [item, place]));
    const had = this.view.contains(document.activeElement);
    this.view.replaceChildren(this.svg);
    this.explain();
    this.resize();
    this.go(nodes.length ? current : -1, had);
  }

  explain() {
    const { legend, kept, shares, bar, row } = this.data;
    const sample = (text, state, more = {}, width = 20) => {
      const node = { width, state, kept: false, share: null, label: "", ...more };
      const icon = shape("svg", { width, height: row, viewBox: `0 0 ${width} ${row}`, class: state, "aria-hidden": true });
      icon.append(...(state ? marks(node, row) : []));
      const entry = document.createElement("li");
      entry.append(icon, document.createTextNode(text));
      return entry;
    };
    const entries = legend.map(([state, count, meaning]) =>
      sample(`${state === "unjudged" ? "not judged" : state} ${count.toLocaleString("en")}${meaning && `: ${meaning}`}`, state));
    if (kept) entries.push(sample("kept", "correct", { kept: true }));
    if (shares) entries.push(sample("share of correct answers further on", "continued", { share: 0.6 }));
    const scale = sample(`${bar[0].toLocaleString("en")} ${bar[0] === 1 ? "token" : "tokens"}`, "");
    this.bar = scale.firstChild;
    this.bar.append(shape("path", { class: "edge", d: `M.5 6v8M.5 10h${bar[1]}M${bar[1]} 6v8` }));
    this.legend.replaceChildren(...entries, scale);
  }

  place(target) {
    return this.places.get(target.closest('[role="treeitem"]')) ?? -1;
  }

  open(place) {
    if (place < 0) return;
    this.go(place);
    this.select(place);
    this.report(this.data.nodes[place].id);
  }

  select(place) {
    const behind = new Set([place]), { edges } = this.data;
    const followed = edges.map(() => false);
    for (let at = edges.length - 1; at >= 0; at--) { // edges are in the order of their ends, layer by layer
      if (!behind.has(edges[at][1])) continue;
      followed[at] = true;
      behind.add(edges[at][0]);
    }
    this.edges.forEach((edge, at) => edge.classList.toggle("followed", followed[at]));
    this.items.forEach((item, at) => item.setAttribute("aria-selected", at === place));
  }

  go(place, focus = true) {
    this.items[this.current]?.setAttribute("tabindex", -1);
    this.current = place;
    this.items[place]?.setAttribute("tabindex", 0);
    if (focus) this.items[place]?.focus({ preventScroll: true });
  }

  focused(place) {
    if (place < 0) return;
    if (place !== this.current) this.go(place, false);
    const { x, y, width } = this.data.nodes[place];
    for (const [key, value] of Object.entries({ x: x - 3, y: y - 3, width: width + 6 })) this.ring.setAttribute(key, value);
    this.items[place].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  key(event) {
    const { nodes, edges } = this.data, at = this.current;
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const beside = (step) => nodes[at + step]?.layer === nodes[at].layer ? at + step : at;
    const moves = {
      ArrowRight: () => nodes.findIndex((node) => node.under === at), ArrowLeft: () => nodes[at].under,
      ArrowDown: () => beside(1), ArrowUp: () => beside(-1), Home: () => 0, End: () => nodes.length - 1,
    };
    const actions = {
      Enter: () => this.open(at), " ": () => this.open(at), "+": () => this.zoom("in"), "=": () => this.zoom("in"),
      "-": () => this.zoom("out"), 0: () => this.zoom("fit"),
    };
    if (event.key in moves) {
      let place = moves[event.key]();
      if (place < 0 && event.key === "ArrowRight") place = edges.find(([from]) => from === at)?.[1] ?? at;
      this.go(place < 0 ? at : place);
    } else if (event.key in actions) actions[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the page has keys of its own
  }

  get fitted() {
    return Math.min(1, (this.view.clientWidth || this.data.width) / this.data.width);
  }

  zoom(how) {
    const before = this.scale || this.fitted, { view } = this;
    const middle = [(view.scrollLeft + view.clientWidth / 2) / before, (view.scrollTop + view.clientHeight / 2) / before];
    this.scale = how === "fit" ? 0 : Math.min(CLOSEST, Math.max(this.fitted / 2, how === "in" ? before * STEP : before / STEP));
    this.resize();
    const now = this.scale || this.fitted;
    view.scrollLeft = middle[0] * now - view.clientWidth / 2;
    view.scrollTop = middle[1] * now - view.clientHeight / 2;
  }

  resize() {
    if (!this.data) return;
    const scale = this.scale || this.fitted;
    this.svg.setAttribute("width", this.data.width * scale);
    this.svg.setAttribute("height", this.data.height * scale);
    this.view.classList.toggle("far", scale < LEGIBLE);
    const long = this.data.bar[1] * scale;
    this.bar.setAttribute("width", long + 2);
    this.bar.setAttribute("viewBox", `0 0 ${this.data.bar[1] + 2} ${this.data.row}`);
    this.bar.setAttribute("preserveAspectRatio", "none");
  }

  drag() {
    const { view } = this;
    let from = null;
    view.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button || this.place(event.target) >= 0) return;
      if (event.offsetX > view.clientWidth && event.target === view) return; // the scroll bar
      from = [event.clientX + view.scrollLeft, event.clientY + view.scrollTop];
      view.classList.add("moved");
    });
    view.addEventListener("pointermove", (event) => {
      if (from) view.scrollTo(from[0] - event.clientX, from[1] - event.clientY);
    });
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
      view.addEventListener(end, () => { from = null; view.classList.remove("moved"); });
    }
  }
}

const maps = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".thread-map");
  if (!maps.has(root)) maps.set(root, new ThreadMap(root));
  const map = maps.get(root);
  map.show(data, (id) => setStateValue("opened", id));
  return () => map.resized.disconnect();
}
