// A formula or table wider than the screen scrolls by itself: then the keyboard must reach it.
function reach() {
  for (const element of document.querySelectorAll(".formula, .md-typeset table:not([class]), .md-typeset pre > code, .jp-RenderedHTMLCommon")) {
    if (element.scrollWidth > element.clientWidth) element.setAttribute("tabindex", "0");
    else if (element.dataset.ours) element.removeAttribute("tabindex");
  }
}

addEventListener("load", reach);
addEventListener("resize", reach);
