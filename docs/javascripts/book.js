// What is wider than the screen scrolls by itself: then the keyboard must reach it.
const WIDE = ".formula, .md-typeset table:not([class]), .md-typeset pre, .jp-OutputArea-output, .jp-InputArea-editor";
const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
addEventListener("DOMContentLoaded", () => document.querySelectorAll(WIDE).forEach((element) => watcher.observe(element)));
