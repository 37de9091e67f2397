// What is wider than the screen scrolls by itself: then the keyboard must reach it.
const WIDE = ".formula, .md-typeset__scrollwrap, .md-typeset pre, .jp-OutputArea-output, .jp-InputArea-editor";
const watcher = new ResizeObserver((entries) => {
  for (const element of new Set(entries.map(({ target }) => target.closest(WIDE)))) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
});

document.querySelector(".md-search")?.setAttribute("aria-label", "Search");

const watch = (root) => root.querySelectorAll(WIDE).forEach((box) => [box, ...box.children].forEach((part) => watcher.observe(part)));
addEventListener("load", () => watch(document));
addEventListener("formulas", ({ target }) => watch(target));
