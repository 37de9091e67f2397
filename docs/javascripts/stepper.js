// One forward and one backward pass of a network, a step at a time. Python computed every number; this shows them.
{
  const root = document.getElementById("stepper");
  const data = document.getElementById("stepper-data");
  if (root && data) start(root, JSON.parse(data.textContent));

  function start(root, steps) {
    const [first, back, next] = ["first", "back", "next"].map((name) => root.querySelector(`[data-go="${name}"]`));
    const said = root.querySelector("output");
    const formulas = root.querySelector("[data-formulas]");
    let now = 0;

    function show(step) {
      now = Math.min(Math.max(step, 0), steps.length - 1);
      const { say, math, units, edges, found, kind, values } = steps[now];
      for (const element of root.querySelectorAll("[data-unit]")) {
        const marked = units.includes(element.dataset.unit);
        element.querySelector("circle").style.strokeWidth = marked ? 5 : 1.6;
        element.querySelector("circle").style.fillOpacity = marked ? 0.3 : 0.1;
      }
      for (const element of root.querySelectorAll("[data-edge]")) {
        const marked = element.dataset.edge in edges; // the step uses this weight
        const got = found.includes(element.dataset.edge); // the step gives the derivative in this weight
        element.style.stroke = marked && kind === "backward" ? "var(--letter-delta)" : "var(--letter-W)";
        element.style.strokeOpacity = marked || got ? 1 : 0.22;
        element.style.strokeWidth = marked ? 3.2 : got ? 1.8 : 1.2;
      }
      for (const element of root.querySelectorAll("[data-label]")) element.textContent = edges[element.dataset.label] ?? "";
      for (const element of root.querySelectorAll("[data-value]")) element.textContent = values[element.dataset.value] ?? "";
      formulas.innerHTML = math;
      said.textContent = say;
      for (const button of [first, back]) button.setAttribute("aria-disabled", now === 0);
      next.setAttribute("aria-disabled", now === steps.length - 1);
      for (const button of [first, back, next]) button.style.opacity = button.getAttribute("aria-disabled") === "true" ? 0.45 : 1;
    }

    first.addEventListener("click", () => show(0));
    back.addEventListener("click", () => show(now - 1));
    next.addEventListener("click", () => show(now + 1));
    root.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by && event.target.matches("button")) show(now + by);
    });
    root.querySelector("[data-buttons]").hidden = false;
    show(0);
  }
}
