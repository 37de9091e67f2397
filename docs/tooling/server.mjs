// The built site over HTTP, compressed, as a host would serve it: under the path of the address it was built for.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml",
  ".png": "image/png", ".woff2": "font/woff2", ".xml": "application/xml", ".ipynb": "application/x-ipynb+json", ".map": "application/json",
};
const PACKED = new Set([".html", ".css", ".js", ".json", ".svg", ".xml", ".ipynb"]);

const ROOT = new URL(process.env.SITE_URL || "http://site/").pathname.replace(/\/?$/, "/");

export async function serve(site) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://site").pathname);
    try {
      if (!path.startsWith(ROOT)) throw new Error(`${path} is not of the site`);
      const file = join(site, normalize(`/${path.slice(ROOT.length)}${path.endsWith("/") ? "index.html" : ""}`));
      const body = await readFile(file);
      const type = extname(file);
      const headers = { "Content-Type": TYPES[type] ?? "application/octet-stream", "Cache-Control": "max-age=31536000" };
      if (PACKED.has(type)) response.writeHead(200, { ...headers, "Content-Encoding": "gzip" }).end(gzipSync(body));
      else response.writeHead(200, headers).end(body);
    } catch {
      const page = await readFile(join(site, "404.html")).catch(() => "not found");
      response.writeHead(404, { "Content-Type": TYPES[".html"] }).end(page);
    }
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { origin: `http://127.0.0.1:${server.address().port}${ROOT.slice(0, -1)}`, close: () => server.close() };
}
