// What is wider than the screen scrolls by itself: then the keyboard must reach it.
const WIDE = ".formula, figure.wide, .md-typeset__scrollwrap, .md-typeset pre, .jp-OutputArea-output, .jp-InputArea-editor";
const watcher = new ResizeObserver((entries) => {
  for (const element of new Set(entries.map(({ target }) => target.closest(WIDE)))) {
    if (element?.scrollWidth > element?.clientWidth) element.tabIndex = 0;
    else element?.removeAttribute("tabindex");
  }
});
const watch = (root) => root.querySelectorAll(WIDE).forEach((box) => [box, ...box.children].forEach((part) => watcher.observe(part)));

// The style sheet lays out what is in view first; the rest follows piece by piece, while nothing else is to be done.
const idle = window.requestIdleCallback ?? ((then) => setTimeout(then, 50));
function layOut(content) {
  const piece = [...content.children].find((piece) => !piece.style.contentVisibility);
  document.documentElement.toggleAttribute("data-laid-out", !piece);
  if (!piece) return;
  piece.style.contentVisibility = "visible";
  idle(() => layOut(content));
}

addEventListener("load", () => {
  const content = document.querySelector(".md-content__inner");
  watch(content);
  layOut(content);
  const changed = new MutationObserver((changes) => {
    new Set(changes.map(({ target }) => target)).forEach(watch);
    layOut(content);
  });
  changed.observe(content, { childList: true, subtree: true });
});
