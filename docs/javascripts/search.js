// The index of the search, a megabyte, is loaded when the search is first wanted, not with every page.
(() => {
  const { open, send } = XMLHttpRequest.prototype;
  const wanted = new Promise((begin) => {
    if (/[?&][hq]=/.test(location.search)) begin();
    const SEARCH = '[data-md-component="search"], [for="__search"]';
    for (const event of ["focusin", "pointerover"]) addEventListener(event, ({ target }) => target.closest?.(SEARCH) && begin());
  });
  XMLHttpRequest.prototype.open = function (method, address, ...rest) {
    this.waits = String(address).endsWith("/search/search_index.json");
    return open.call(this, method, address, ...rest);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (this.waits) wanted.then(() => send.call(this, body));
    else send.call(this, body);
  };
})();
