// What is wider than the screen scrolls by itself: then the keyboard must reach it.
const WIDE = ".formula, .md-typeset__scrollwrap, .md-typeset pre, .jp-OutputArea-output, .jp-InputArea-editor";
const watcher = new ResizeObserver((entries) => {
  for (const element of new Set(entries.map(({ target }) => target.closest(WIDE)))) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
});

const watch = (root) => root.querySelectorAll(WIDE).forEach((box) => [box, ...box.children].forEach((part) => watcher.observe(part)));
addEventListener("load", () => watch(document));
addEventListener("formulas", ({ target }) => watch(target));

// The style sheet lays out what is in view first; the rest follows a few pieces at a time, while nothing else is to be done.
const idle = window.requestIdleCallback ?? ((then) => setTimeout(then, 50));
addEventListener("load", () => {
  const pieces = [...document.querySelectorAll(".md-content__inner > *")];
  (function next() {
    for (const piece of pieces.splice(0, 1)) piece.style.contentVisibility = "visible";
    if (pieces.length) idle(next);
  })();
});
