// Table of Explore: a click or Enter opens a row, a heading sorts all matches. Texts are set as text and never parsed.

const MOUNTED = new WeakMap();
const MARKS = { correct: "✓", incorrect: "✗", unparsed: "∅", undecided: "?", pending: "…" };

export default function ({ parentElement, data, setTriggerValue }) {
  if (!MOUNTED.has(parentElement)) MOUNTED.set(parentElement, mount(parentElement));
  const table = MOUNTED.get(parentElement);
  table.show(data, setTriggerValue);
  return () => {
    table.release();
    MOUNTED.delete(parentElement);
  };
}

function mount(root) {
  const [grid, head, body] = ["table", "head", "body"].map((name) => root.querySelector(`.${name}`));
  const table = { drawn: "", trigger: null };
  let opened = null; // the open row, which gets the focus again when it is closed

  // The address says which problem is open, also where only the reader beside the table was redrawn.
  const mark = () => {
    const address = new URLSearchParams(window.location.search);
    const isOpen = ({ dataset }) =>
      address.get("problem") === dataset.problem && (!dataset.rollout || address.get("rollout") === dataset.rollout);
    for (const row of body.children) row.setAttribute("aria-selected", String(isOpen(row)));
    const closed = opened?.isConnected && !address.has("problem") ? opened : null;
    opened = [...body.children].find(isOpen) ?? null;
    if (closed && document.activeElement === document.body) focusOn(closed);
  };

  const focusOn = (row) => {
    for (const other of body.children) other.tabIndex = other === row ? 0 : -1;
    row.focus();
  };

  const open = (row) => {
    for (const other of body.children) other.tabIndex = other === row ? 0 : -1;
    table.trigger("opened", { problem: row.dataset.problem, rollout: row.dataset.rollout ?? null });
  };

  body.onclick = (event) => {
    const row = event.target.closest(".row");
    // A link with such a key opens another tab, and marked text is to be copied.
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey || String(window.getSelection())) return;
    event.preventDefault();
    open(row);
  };
  body.onkeydown = (event) => {
    const row = event.target.closest(".row");
    const next = {
      ArrowDown: row.nextElementSibling ?? row,
      ArrowUp: row.previousElementSibling ?? row,
      Home: body.firstElementChild,
      End: body.lastElementChild,
    }[event.key];
    const opens = event.key === "Enter" || event.key === " ";
    if (!next && !opens) return;
    event.preventDefault();
    if (opens) open(row);
    else focusOn(next);
  };
  // The headings stay in sight above the rows, so they are an element of their own and follow the rows to the side.
  body.onscroll = () => { head.scrollLeft = body.scrollLeft; };
  head.onscroll = () => { body.scrollLeft = head.scrollLeft; };
  window.navigation?.addEventListener("currententrychange", mark);

  table.show = (data, trigger) => {
    table.trigger = trigger;
    const text = JSON.stringify(data);
    if (text !== table.drawn) {
      const at = [...body.children].indexOf(root.activeElement);
      const sorted = root.activeElement?.dataset?.column;
      draw(grid, head, body, data, (by) => table.trigger("sorted", by));
      table.drawn = text;
      if (at >= 0 && body.children.length) focusOn(body.children[Math.min(at, body.children.length - 1)]);
      if (sorted) [...head.querySelectorAll("button")].find((button) => button.dataset.column === sorted)?.focus();
    }
    mark();
  };
  table.release = () => window.navigation?.removeEventListener("currententrychange", mark);
  return table;
}

function draw(grid, head, body, data, sort) {
  const { columns } = data;
  const wide = Math.max(0, columns.findIndex((column) => column.name === "problem")); // it takes the width that is left
  const tracks = columns.map((column, at) => (at === wide ? `minmax(${column.width}px, 1fr)` : `${column.width}px`));
  grid.style.setProperty("--columns", tracks.join(" "));
  grid.style.setProperty("--least", `${columns.reduce((sum, column) => sum + column.width, 0)}px`);
  grid.setAttribute("aria-label", data.label);
  grid.setAttribute("aria-rowcount", String(data.total + 1));
  grid.setAttribute("aria-colcount", String(columns.length));

  const headings = element("div", "row", "row");
  headings.setAttribute("aria-rowindex", "1");
  columns.forEach((column, at) => headings.append(heading(column, stuck(columns, at), sort)));
  head.replaceChildren(headings);
  body.replaceChildren(...data.rows.map((given, place) => {
    const row = element("div", "row", "row");
    row.dataset.problem = given.problem;
    if (given.rollout) row.dataset.rollout = given.rollout;
    row.tabIndex = place === 0 ? 0 : -1;
    row.setAttribute("aria-rowindex", String(data.first + place + 1));
    columns.forEach((column, at) => {
      const cell = element("div", `cell ${column.kind}`, "gridcell");
      Object.assign(cell.style, stuck(columns, at));
      fill(cell, column, given.cells[at], data.colours);
      if (at === wide) cell.replaceChildren(linked(cell, given, data.query));
      row.append(cell);
    });
    return row;
  }));
}

// A main column stays at the edge of the table when the others are scrolled below it.
function stuck(columns, at) {
  if (!columns[at].main) return {};
  const width = (part) => part.filter((column) => column.main).reduce((sum, column) => sum + column.width, 0);
  return { position: "sticky", zIndex: 1, left: `${width(columns.slice(0, at))}px`, right: `${width(columns.slice(at + 1))}px` };
}

function heading(column, place, sort) {
  const cell = element("div", `cell ${column.kind}`, "columnheader");
  Object.assign(cell.style, place);
  if (column.hint) cell.title = column.hint;
  if (!column.sort) {
    cell.textContent = column.title;
    return cell;
  }
  cell.setAttribute("aria-sort", column.sorted || "none");
  const button = element("button");
  button.type = "button";
  button.dataset.column = column.name;
  button.onclick = () => sort(column.sort);
  const arrow = element("span", "arrow");
  arrow.setAttribute("aria-hidden", "true");
  arrow.textContent = { ascending: "▲", descending: "▼" }[column.sorted] ?? "";
  button.append(column.title, arrow);
  cell.append(button);
  return cell;
}

function fill(cell, column, value, colours) {
  if (value === null) return;
  if (column.kind === "number") cell.textContent = value.toLocaleString("en-US");
  else if (column.kind === "share") cell.textContent = value.toFixed(2);
  else if (column.kind === "rate") {
    const bar = element("span", "bar");
    const part = element("span");
    part.style.width = `${100 * value}%`;
    bar.append(part);
    cell.append(bar, value.toFixed(2));
  } else if (column.kind === "outcome") {
    const sign = element("span", "sign");
    sign.setAttribute("aria-hidden", "true");
    sign.style.setProperty("--sign", colours[value] ?? "transparent");
    sign.textContent = MARKS[value] ?? "";
    cell.append(sign, value);
  } else {
    cell.textContent = value;
    cell.title = value;
  }
}

// An address of its own, to be copied or opened in another tab; a plain click opens it here.
function linked(cell, given, query) {
  const link = element("a");
  const parts = { problem: given.problem, ...(given.rollout && { rollout: given.rollout }) };
  link.href = `?${[query, String(new URLSearchParams(parts))].filter(Boolean).join("&")}`;
  link.tabIndex = -1;
  link.append(...cell.childNodes);
  return link;
}

function element(tag, names = "", role = "") {
  const made = document.createElement(tag);
  if (names) made.className = names;
  if (role) made.setAttribute("role", role);
  return made;
}
