// Draws the lineage of a model: a column for each layer, an edge for each step. Names are set as text alone, never as markup.
const SVG = "http://www.w3.org/2000/svg";

function element(name, classes, text) {
  const made = document.createElement(name);
  made.className = classes;
  if (text !== undefined) made.textContent = text;
  return made;
}

function box(node, open) {
  const made = element(node.href ? "a" : "div", `node ${node.kind}${node.chosen ? " chosen" : ""}`);
  made.append(element("div", "kind", node.title), element("div", "name", node.name));
  for (const words of node.words) made.append(element("div", "fact", words));
  if (node.chosen) made.setAttribute("aria-current", "true");
  if (node.href) {
    made.href = node.href;
    made.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser opens it in a tab of its own
      event.preventDefault();
      open(node.id);
    };
  }
  return made;
}

function drawEdges(root, boxes, edges) {
  const columns = root.querySelector(".columns"), svg = root.querySelector(".edges"), at = columns.getBoundingClientRect();
  svg.setAttribute("width", columns.scrollWidth);
  svg.setAttribute("height", columns.scrollHeight);
  svg.replaceChildren(...edges.map(([from, to]) => {
    const one = boxes.get(from).getBoundingClientRect(), other = boxes.get(to).getBoundingClientRect();
    const [x, y] = [one.right - at.left, one.top + one.height / 2 - at.top];
    const [toX, toY] = [other.left - at.left, other.top + other.height / 2 - at.top], bend = Math.max(16, (toX - x) / 2);
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", `M${x} ${y}C${x + bend} ${y} ${toX - bend} ${toY} ${toX} ${toY}`);
    return path;
  }));
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lineage"), boxes = new Map();
  const svg = document.createElementNS(SVG, "svg"), columns = element("div", "columns");
  svg.setAttribute("class", "edges");
  svg.setAttribute("aria-hidden", "true");
  columns.append(svg);
  for (const layer of data.layers) {
    const column = element("div", "column");
    for (const node of layer) {
      const made = box(node, (id) => setTriggerValue("opened", id));
      boxes.set(node.id, made);
      column.append(made);
    }
    columns.append(column);
  }
  root.replaceChildren(columns);
  const draw = () => drawEdges(root, boxes, data.edges), resized = new ResizeObserver(draw);
  resized.observe(columns);
  draw();
  return () => resized.disconnect();
}
