// One activation and one number: f, its slope and the tangent there. The curves were computed in Python; here they are drawn.
(() => {
  const source = document.getElementById("activation-data");
  const root = document.getElementById("activation");
  if (!source || !root) return;

  const { z: grid, curves } = JSON.parse(source.textContent);
  const choice = root.querySelector("select");
  const slider = root.querySelector("input");
  const output = root.querySelector("output");
  const svg = root.querySelector("svg");
  const unit = 60;
  const margin = 22;
  const end = grid.from + grid.step * (grid.count - 1);
  const width = 2 * margin + unit * (end - grid.from);
  const height = 2 * margin + 7 * unit;
  let frame = null; // low and high, the values at the lower and the upper edge, and the tick, one line every so much
  const across = (z) => margin + unit * (z - grid.from);
  const up = (value) => margin + (7 * unit * (frame.high - value)) / (frame.high - frame.low);

  function put(name, attributes, words, into = svg) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (words !== undefined) element.textContent = words;
    into.append(element);
    return element;
  }

  // The axes, and a frame that nothing is drawn outside of.
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const inside = put("clipPath", { id: "activation-frame" }, undefined, put("defs", {}));
  put("rect", { x: margin, y: margin, width: width - 2 * margin, height: height - 2 * margin }, undefined, inside);
  const thin = { stroke: "currentColor", "stroke-width": 1, "stroke-opacity": 0.45, "vector-effect": "non-scaling-stroke" };
  const axes = put("g", {});
  const drawn = put("g", { fill: "none", "clip-path": "url(#activation-frame)" });
  const numbers = put("g", {}); // above the curves, which would strike them through
  const dots = put("g", { "clip-path": "url(#activation-frame)" });
  const halo = { "paint-order": "stroke", stroke: "var(--md-default-bg-color, Canvas)", "stroke-width": 4, "stroke-linejoin": "round" };

  function axis() {
    const { low, high, tick } = frame;
    const words = { fill: "currentColor", ...halo };
    axes.replaceChildren();
    numbers.replaceChildren();
    put("line", { x1: across(grid.from), x2: across(end), y1: up(0), y2: up(0), ...thin }, undefined, axes);
    put("line", { x1: across(0), x2: across(0), y1: up(low), y2: up(high), ...thin }, undefined, axes);
    for (let z = Math.ceil(grid.from); z <= end; z++) {
      if (z === 0) continue;
      put("line", { x1: across(z), x2: across(z), y1: up(0) - 4, y2: up(0) + 4, ...thin }, undefined, axes);
      put("text", { x: across(z), y: up(0), dy: "1.35em", "text-anchor": "middle", ...words }, sign(z), numbers);
    }
    for (let value = tick * Math.ceil(low / tick); value <= high; value += tick) {
      if (value === 0) continue;
      put("line", { x1: across(0) - 4, x2: across(0) + 4, y1: up(value), y2: up(value), ...thin }, undefined, axes);
      const number = sign(value, tick < 1 ? 1 : 0);
      put("text", { x: across(0), y: up(value), dx: "-0.6em", dy: "0.35em", "text-anchor": "end", ...words }, number, numbers);
    }
  }

  const slope = put("path", { stroke: "var(--letter-delta)", "stroke-width": 2.5, "stroke-dasharray": "7 5" }, undefined, drawn);
  const curve = put("path", { stroke: "var(--letter-a)", "stroke-width": 3 }, undefined, drawn);
  const tangent = put("line", { stroke: "currentColor", "stroke-width": 1.5 }, undefined, drawn);
  const foot = put("line", { stroke: "var(--letter-z)", "stroke-width": 1.5, "stroke-dasharray": "2 4" }, undefined, drawn);
  const onSlope = put("circle", { r: 5, fill: "var(--letter-delta)" }, undefined, dots);
  const onCurve = put("circle", { r: 6, fill: "var(--letter-a)" }, undefined, dots);

  // Two pieces, which meet at z = 0 unless the curve jumps there.
  function path(values, left, right) {
    const points = values.map((value, i) => [grid.from + i * grid.step, value]);
    const before = [...points.filter(([z]) => z < -grid.step / 2), [0, left]];
    const after = [[0, right], ...points.filter(([z]) => z > grid.step / 2)];
    return [before, after].map((piece) => "M" + piece.map(([z, value]) => `${across(z).toFixed(1)},${up(value).toFixed(1)}`).join("L")).join("");
  }

  function sign(number, digits = 0) {
    return number.toFixed(digits).replace(/^-(?=0*\.?0*$)/, "").replace("-", "−");
  }

  const equal = (letter, value) => `<i>${letter}</i>\u00a0=\u00a0${value}`; // on one line

  function power(factor, times) {
    const value = factor ** times;
    if (value === 0 || (Math.abs(value) >= 0.001 && Math.abs(value) < 1000)) return sign(value, 4);
    const [digits, exponent] = value.toExponential(1).split("e");
    const raised = [...String(Number(exponent))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
    return `${sign(Number(digits), 1)}\u00a0·\u00a010${raised}`;
  }

  function show() {
    const name = choice.value;
    const one = curves[name];
    const i = Math.round((Number(slider.value) - grid.from) / grid.step);
    const z = grid.from + i * grid.step;
    const [f, df, d2f] = [one.f[i], one.df[i], one.d2f[i]];
    const at = sign(z, 1);
    if (one.low !== frame?.low || one.high !== frame?.high) {
      frame = one;
      axis();
    }
    curve.setAttribute("d", path(one.f, one.left[0], one.right[0]));
    slope.setAttribute("d", path(one.df, one.left[1], one.right[1]));
    onCurve.setAttribute("cx", across(z));
    onCurve.setAttribute("cy", up(f));
    foot.setAttribute("x1", across(z));
    foot.setAttribute("x2", across(z));
    foot.setAttribute("y1", up(0));
    foot.setAttribute("y2", up(f));
    for (const element of [tangent, onSlope]) element.style.display = df === null ? "none" : "";
    if (df !== null) {
      tangent.setAttribute("x1", across(z - 2));
      tangent.setAttribute("y1", up(f - 2 * df));
      tangent.setAttribute("x2", across(z + 2));
      tangent.setAttribute("y2", up(f + 2 * df));
      onSlope.setAttribute("cx", across(z));
      onSlope.setAttribute("cy", up(df));
    }
    slider.setAttribute("aria-valuetext", `z = ${at}`);
    svg.setAttribute("aria-label", `The curve of ${name} with its tangent at z = ${at}, and the curve of its slope`);
    output.innerHTML =
      `At ${equal("z", at)}: ${equal("f", sign(f, 4))}, ` +
      (df === null
        ? "and there is no slope: the function jumps."
        : `${equal("f′", sign(df, 4))}, ${equal("f″", sign(d2f, 4))}. One such unit multiplies a delta by ${sign(df, 4)}, ten in a row by ${power(df, 10)}.`);
  }

  // Letters, lines and dots of one size on every screen.
  function size() {
    const scale = width / (svg.clientWidth || width);
    svg.style.setProperty("font-size", `${13 * scale}px`);
    onSlope.setAttribute("r", 5 * scale);
    onCurve.setAttribute("r", 6 * scale);
  }
  for (const line of svg.querySelectorAll("path, line")) line.setAttribute("vector-effect", "non-scaling-stroke");
  addEventListener("resize", size);
  choice.addEventListener("change", show);
  slider.addEventListener("input", show);
  root.hidden = false;
  size();
  show();
})();
