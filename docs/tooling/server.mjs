// The built site over HTTP, compressed, as a host would serve it.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml",
  ".png": "image/png", ".woff2": "font/woff2", ".xml": "application/xml", ".ipynb": "application/x-ipynb+json", ".map": "application/json",
};
const PACKED = new Set([".html", ".css", ".js", ".json", ".svg", ".xml", ".ipynb"]);

export async function serve(site) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://site").pathname);
    const file = join(site, normalize(path.endsWith("/") ? `${path}index.html` : path));
    try {
      const body = await readFile(file);
      const type = extname(file);
      const headers = { "Content-Type": TYPES[type] ?? "application/octet-stream", "Cache-Control": "max-age=31536000" };
      if (PACKED.has(type)) response.writeHead(200, { ...headers, "Content-Encoding": "gzip" }).end(gzipSync(body));
      else response.writeHead(200, headers).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
