// Measurements of a page for tests/dashboards/measured.py: an object of functions, through open shadow roots.
({
  // Texts whose contrast with what lies behind them is below `small`, or below `large` where they are large.
  texts([small, large]) {
    const parse = (text) => {
      const all = (text.match(/[\d.]+/g) || []).map(Number);
      if (all.length < 3) return null;
      const scale = text.startsWith("color(srgb") ? 255 : 1;
      return [all[0] * scale, all[1] * scale, all[2] * scale, all[3] ?? 1];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat([1]);
    const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    const luminance = (c) => 0.2126 * linear(c[0] / 255) + 0.7152 * linear(c[1] / 255) + 0.0722 * linear(c[2] / 255);
    const marks = (node, x, y) => {  // of a chart, below the text, from the top down
      const layers = [], passed = [];
      let top;
      while ((top = document.elementFromPoint(x, y)) instanceof SVGElement && top.tagName !== "svg" && passed.length < 40) {
        const style = getComputedStyle(top), fill = parse(style.fill), opacity = style.opacity * style.fillOpacity;
        const background = (top.getAttribute("class") || "").includes("background");
        if (top !== node && !["text", "tspan"].includes(top.tagName) && fill && !background)
          layers.push([fill[0], fill[1], fill[2], fill[3] * opacity]);
        passed.push([top, top.style.pointerEvents]);
        top.style.pointerEvents = "none";
      }
      passed.forEach(([one, before]) => { one.style.pointerEvents = before; });
      return layers;
    };
    const behind = (node, box) => {
      const layers = node instanceof SVGElement ? marks(node, box.x + box.width / 2, box.y + box.height / 2) : [];
      for (let at = node; at; at = at.parentElement || at.getRootNode().host) {
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour && colour[3] > 0) layers.push(colour);
        if (colour && colour[3] === 1) break;
      }
      return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
    };
    const found = [];
    const look = (root) => root.querySelectorAll("*").forEach((node) => {
      if (node.shadowRoot) look(node.shadowRoot);
      const own = [...node.childNodes].filter((one) => one.nodeType === 3).map((one) => one.textContent.trim()).join(" ").trim();
      const text = own || (node.matches("textarea, input:not([type=checkbox], [type=radio])") && node.value);
      const box = node.getBoundingClientRect(), style = getComputedStyle(node);
      if (!text || !box.width || !box.height || !node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return;
      if (node.closest("[disabled], [aria-disabled=true], [aria-hidden=true], style, script, canvas")) return;
      if (node.matches("[data-testid=stIconMaterial]")) return;  // a picture: words stand beside it
      const svg = node instanceof SVGElement, ink = parse(svg ? style.fill : style.color);
      if (!ink) return;
      let opacity = ink[3] * (svg ? style.fillOpacity : 1);
      for (let at = node; at; at = at.parentElement || at.getRootNode().host) opacity *= getComputedStyle(at).opacity;
      const ground = behind(node, box), seen = over([ink[0], ink[1], ink[2], opacity], ground);
      const [dark, light] = [luminance(seen), luminance(ground)].sort((one, other) => one - other);
      const ratio = (light + 0.05) / (dark + 0.05), size = parseFloat(style.fontSize);
      const is_large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      if (ratio < (is_large ? large : small))
        found.push(`${ratio.toFixed(2)}: "${text.slice(0, 40)}" in ${node.tagName}.${node.getAttribute("class")}`.slice(0, 140) +
          ` ${seen.slice(0, 3).map(Math.round)} on ${ground.slice(0, 3).map(Math.round)}`);
    });
    look(document.querySelector("[role=dialog]") || document);  // what lies below a dialog is out of use
    return [...new Set(found)];
  },

  begin() {
    document.activeElement?.blur();
    window.getSelection()?.removeAllRanges();
    window.scrollTo(0, 0);
  },

  // The element with the focus is marked. "new", "same" as before (within a table, Tab goes from cell to cell), or "again".
  reached() {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    if (!at || at === document.body) return "again";
    const said = at === window.lastReached ? "same" : at.dataset.reached ? "again" : "new";
    window.lastReached = at;
    at.dataset.reached = "yes";
    return said;
  },

  // Controls that can be used and that no Tab came to.
  unreached() {
    const left = [];
    const controls = "a[href], button, input, select, textarea, summary, " +
      ["button", "tab", "combobox", "slider", "switch", "treeitem", "row"].map((role) => `[role=${role}]`).join(", ");
    const groups = ["tablist", "radiogroup", "toolbar", "grid", "tree"].map((role) => `[role=${role}]`).join(", ");
    const look = (root) => root.querySelectorAll("*").forEach((node) => {
      if (node.shadowRoot) look(node.shadowRoot);
      const box = node.getBoundingClientRect();
      if (!node.matches(controls) || node.dataset.reached || node.querySelector("[data-reached]")) return;
      if (node.closest(":disabled, [aria-disabled=true], [inert], [aria-hidden=true], canvas")) return;
      if (!box.width || !box.height || !node.checkVisibility({ checkVisibilityCSS: true })) return;
      if (node.closest(groups)?.querySelector("[data-reached]")) return;  // arrow keys go through them
      if (node.matches("[data-testid^=stNumberInputStep]")) return;  // arrow keys do the same in the field
      const whole = node.closest("label, [data-baseweb=select], [data-testid=stSelectbox], [data-testid=stMultiSelect]");
      if (whole?.querySelector("[data-reached]")) return;  // parts of one control
      left.push(`${node.tagName}.${node.getAttribute("class")} ${node.getAttribute("aria-label") || node.textContent}`.slice(0, 140));
    });
    look(document.querySelector("[role=dialog]") || document);
    return [...new Set(left)];
  },
})
