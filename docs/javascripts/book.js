// What is wider than the screen scrolls by itself: then the keyboard must reach it.
const WIDE = ".formula, .md-typeset__scrollwrap, .md-typeset pre, .jp-OutputArea-output, .jp-InputArea-editor";
const watcher = new ResizeObserver((entries) => {
  for (const element of new Set(entries.map(({ target }) => target.closest(WIDE)))) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
});

addEventListener("load", () => {
  for (const element of document.querySelectorAll(WIDE)) [element, ...element.children].forEach((part) => watcher.observe(part));
});
