// What on the site does something does it: the search, the keyboard, the two interactive figures.   node interactions.mjs SITE
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

const { origin, close } = await serve(resolve(process.argv[2] ?? "site"));
const browser = await launch();
const page = await browser.newPage();
await page.setViewport({ width: 1280, height: 900 });
const open = (path) => page.goto(origin + path, { waitUntil: "networkidle0" });
const checks = {};

async function found(words) {
  await open("/");
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.matches(".md-search__input"));
  await page.keyboard.type(words);
  await page.waitForSelector(".md-search-result__item a", { timeout: 20_000 });
  return page.$$eval(".md-search-result__item a", (links) => links.slice(0, 8).map((link) => new URL(link.href).pathname));
}

checks["search finds a chapter, a function and a notebook"] = async () => {
  assert.ok((await found("backpropagation")).some((path) => path.startsWith("/book/10")));
  assert.ok((await found("per_example_norms")).some((path) => path.startsWith("/reference/")));
  assert.ok((await found("resume a run")).some((path) => path.startsWith("/guides/resume")));
};

checks["the first Tab reaches a link to the content"] = async () => {
  await open("/book/10-backpropagation/");
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.className), /md-skip/);
};

checks["a folded box opens by keyboard"] = async () => {
  await open("/book/10-backpropagation/");
  await page.focus(".equation-box summary");
  await page.keyboard.press("Enter");
  assert.ok(await page.$eval(".equation-box details", (box) => box.open));
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`✓ ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`✗ ${name}: ${error.message}`);
  }
}
await browser.close();
close();
process.exit(failed ? 1 : 0);
