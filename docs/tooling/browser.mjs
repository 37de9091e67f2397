// Looks at every page of the built site in a real browser, light and dark, wide and narrow, and says what is wrong.
//   node browser.mjs SITE [--only TEXT] [--screenshots FOLDER]
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: "string" }, screenshots: { type: "string" } } });
const site = resolve(positionals[0] ?? "site");
const axe = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "node_modules/axe-core/axe.min.js"), "utf8");
const RULES = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"] };
const SCHEMES = ["light", "dark"];
const WIDTHS = [1280, 390];

const { origin, close } = await serve(site);
const browser = await launch();
const files = readdirSync(site, { recursive: true }).filter((name) => name.endsWith(".html"));
const all = files.map((name) => `/${name.replaceAll("\\", "/").replace(/(?<=^|\/)index\.html$/, "")}`).sort();
const pages = all.filter((path) => path.includes(values.only ?? ""));
const faults = [];
let axeRuns = 0;

function fault(where, what) {
  faults.push(`${where}: ${what}`);
  console.log(`✗ ${where}: ${what}`);
}

async function look(path, scheme) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const where = `${path} ${scheme}`;
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(origin)) fault(where, `asks another host for ${request.url()}`);
  });
  page.on("response", (response) => response.status() >= 400 && fault(where, `${response.status()} for ${response.url()}`));
  page.on("console", (message) => message.type() === "error" && fault(where, `console: ${message.text()}`));
  page.on("pageerror", (error) => fault(where, `error: ${error}`));
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setViewport({ width: WIDTHS[0], height: 900 });
  await page.goto(origin + path, { waitUntil: "networkidle0", timeout: 60_000 });
  await page.waitForSelector("html[data-laid-out]", { timeout: 60_000 });
  for (const problem of await page.evaluate(problemsOfText)) fault(where, problem);
  await page.evaluate(() => document.querySelectorAll("article details").forEach((folded) => (folded.open = true)));
  for (const width of WIDTHS) {
    await page.setViewport({ width, height: 900 });
    await new Promise((done) => setTimeout(done, 400));
    const here = `${where} ${width} px`;
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) fault(here, `the page scrolls sideways by ${wide} px: ${await page.evaluate(widest)}`);
    for (const problem of await page.evaluate(unreachable)) fault(here, problem);
    await page.evaluate(axe);
    const { violations } = await page.evaluate((rules) => axe.run(document, rules), RULES);
    axeRuns += 1;
    for (const { id, impact, nodes } of violations) {
      const told = nodes.slice(0, 3).map((node) => `${node.html.slice(0, 120)} ${node.any[0]?.message ?? ""}`);
      fault(here, `axe: ${id} (${impact}), ${nodes.length} times: ${told.join(" | ")}`);
    }
    if (values.screenshots) {
      mkdirSync(values.screenshots, { recursive: true });
      const name = `${path.replaceAll("/", "_")}${scheme}-${width}.png`;
      await page.screenshot({ path: join(values.screenshots, name), fullPage: true });
    }
  }
  await context.close();
}

function problemsOfText() {
  const article = document.querySelector("article");
  const prose = article.cloneNode(true);
  for (const code of prose.querySelectorAll("pre, code, script, math")) code.remove();
  const raw = prose.textContent.match(/\\\(|\\\[|\\begin\{|\$\$|\\[a-z]+\{/g) ?? [];
  const failed = [...article.querySelectorAll(".temml-error, merror")].map((element) => `a formula failed: ${element.textContent}`);
  return [...failed, ...(raw.length ? [`${raw.length} pieces of raw TeX: ${raw.slice(0, 5).join(" ")}`] : [])];
}

function widest() {
  const limit = document.documentElement.clientWidth;
  const beyond = [...document.querySelectorAll("article *")].filter((element) => element.getBoundingClientRect().right > limit + 1);
  return beyond.slice(0, 3).map((element) => element.outerHTML.slice(0, 100)).join(" | ");
}

function unreachable() {
  const candidates = document.querySelectorAll("article :is(a[href], button, input, select, textarea, summary, [tabindex='0'])");
  const lost = [];
  for (const element of candidates) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    element.focus({ preventScroll: true });
    if (document.activeElement !== element || element.tabIndex < 0) lost.push(element.outerHTML.slice(0, 120));
  }
  for (const element of document.querySelectorAll("article *")) {
    const scrolls = element.scrollWidth > element.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    if (scrolls && element.clientWidth && element.tabIndex < 0 && !element.querySelector("a, button, [tabindex='0']")) lost.push(`scrolls: ${element.outerHTML.slice(0, 100)}`);
  }
  document.activeElement?.blur();
  return lost.slice(0, 4).map((html) => `the keyboard does not reach ${html}`);
}

const queue = pages.flatMap((path) => SCHEMES.map((scheme) => [path, scheme]));
async function worker() {
  for (let job = queue.shift(); job; job = queue.shift()) {
    await look(...job).catch((error) => fault(job.join(" "), `could not be looked at: ${error.message}`));
  }
}
await Promise.all([worker(), worker()]);
await browser.close();
close();
console.log(`${pages.length} pages, ${SCHEMES.length} schemes, ${WIDTHS.length} widths, ${axeRuns} runs of axe: ${faults.length} faults`);
process.exit(faults.length || !pages.length ? 1 : 0);
