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

async function finds(words, path) {
  await page.$eval(".md-search__input", (input) => (input.value = ""));
  await page.keyboard.type(words);
  const links = () => [...document.querySelectorAll(".md-search-result__item a")].slice(0, 8).map((link) => link.href);
  const among = (start, links) => new Function(`return (${links})()`)().some((found) => found.startsWith(start));
  await page.waitForFunction(among, { timeout: 60_000 }, origin + path, String(links)).catch(async () => {
    assert.fail(`"${words}" does not lead to ${path} but to ${await page.evaluate(links)}`);
  });
}

checks["search finds a chapter, a function and a notebook, in an index that is loaded when it is wanted"] = async () => {
  const loaded = () => page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/search_index.json")).length);
  await open("/");
  assert.equal(await loaded(), 0);
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.matches(".md-search__input"));
  await finds("backpropagation", "/book/10");
  await finds("per_example_norms", "/reference/");
  await finds("resume a run", "/guides/resume");
  assert.equal(await loaded(), 1);
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

checks["the link of a proof opens the test"] = async () => {
  await open("/book/10-backpropagation/");
  await page.focus('a[href="#BP1-test"]');
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("BP1-test").closest("details").open, { timeout: 5_000 });
};

checks["a link to an equation leads to it, on a page that is laid out as it is read"] = async () => {
  for (const [path, id] of [["/book/10-backpropagation/", "APPLY"], ["/book/12-vanishing/", "HEALTH-spread"], ["/book/19-second-order/", "KFAC"]]) {
    await page.goto("about:blank");
    await open(`${path}#${id}`);
    const top = await page.evaluate((id) => new Promise((done) => setTimeout(() => done(document.getElementById(id).getBoundingClientRect().top), 1000)), id);
    assert.ok(top >= 0 && top < 300, `#${id} is at ${top} px`);
  }
};

const number = (text) => Number(text.replace("−", "-").replace(/^δ /, ""));
const near = (got, expected, digits = 4) => assert.ok(Math.abs(got - expected) <= 1.5 * 10 ** -digits, `${got} is shown for ${expected}`);

async function press(name) {
  await page.focus(`[data-go="${name}"]`);
  await page.keyboard.press("Enter");
}

async function steps() {
  const said = [];
  const weights = {};
  for (;;) {
    said.push(await page.$eval("#stepper output", (output) => output.textContent));
    for (const [edge, text] of await page.$$eval("[data-label]", (labels) => labels.map((label) => [label.dataset.label, label.textContent]))) {
      if (text) weights[edge] = number(text);
    }
    if (await page.$eval('[data-go="next"]', (button) => button.getAttribute("aria-disabled") === "true")) break;
    await press("next");
  }
  const values = await page.$$eval("[data-value]", (shown) => shown.map((value) => [value.dataset.value, value.textContent]));
  return { said, weights, values: Object.fromEntries(values.filter(([, text]) => text).map(([name, text]) => [name, number(text)])) };
}

checks["the stepper goes forward and backward by keyboard, and its numbers obey the four equations"] = async () => {
  await open("/book/14-by-hand/");
  const { said, weights, values } = await steps();
  assert.equal(said.length, 15);
  assert.equal(Object.keys(weights).length, 20);
  for (const [unit, z, a] of said.slice(1, 7).map((text) => text.match(/(O\d\d).*z = (−?\d+\.\d+), its output (\d+\.\d+)/).slice(1))) {
    near(number(a), 1 / (1 + Math.exp(-number(z))));
    near(values[`a-${unit[1]}-${unit[2] - 1}`], number(a));
  }
  const slope = (a) => a * (1 - a);
  near(values["d-3-0"], 2 * (values["a-3-0"] - 1) * slope(values["a-3-0"]));
  for (const [layer, width] of [[2, 2], [1, 3]]) {
    for (let i = 0; i < width; i++) {
      const after = Object.keys(weights).filter((edge) => edge.startsWith(`${layer}-${i}-`));
      const sum = after.reduce((total, edge) => total + weights[edge] * values[`d-${layer + 1}-${edge.split("-")[2]}`], 0);
      near(values[`d-${layer}-${i}`], sum * slope(values[`a-${layer}-${i}`]));
    }
  }
  await press("back");
  assert.equal(await page.$eval("#stepper output", (output) => output.textContent), said[13]);
  await page.click('[data-go="first"]');
  assert.equal(await page.$eval("#stepper output", (output) => output.textContent), said[0]);
  await press("back");
  assert.equal(await page.$eval("#stepper output", (output) => output.textContent), said[0]);
};

checks["the slider of the activations shows f, its slope and its curvature where it stands"] = async () => {
  await open("/book/11-activations/");
  const shown = async () => {
    const text = await page.$eval("#activation output", (output) => output.textContent);
    return ["z", "f", "f′", "f″"].map((letter) => number(text.match(new RegExp(`${letter}\\s=\\s(−?\\d+(\\.\\d+)?)`))?.[1] ?? "NaN"));
  };
  const agree = ([z, ...rest], f, df, d2f) => [f, df, d2f].forEach((one, i) => near(rest[i], one(z)));
  await page.select("#activation select", "tanh");
  await page.focus("#activation input");
  const before = await shown();
  for (let times = 0; times < 7; times++) await page.keyboard.press("ArrowLeft");
  const after = await shown();
  near(after[0], before[0] - 0.7);
  agree(after, Math.tanh, (z) => 1 - Math.tanh(z) ** 2, (z) => -2 * Math.tanh(z) * (1 - Math.tanh(z) ** 2));
  await page.keyboard.press("Home");
  assert.equal((await shown())[0], -5);
  await page.select("#activation select", "sin");
  const box = await (await page.$("#activation input")).boundingBox();
  await page.mouse.click(box.x + 0.7 * box.width, box.y + box.height / 2);
  agree(await shown(), Math.sin, Math.cos, (z) => -Math.sin(z));
  assert.ok(Math.abs((await shown())[0] - 2) < 0.3);
  await page.select("#activation select", "step");
  await page.$eval("#activation input", (slider) => {
    slider.value = 0;
    slider.dispatchEvent(new Event("input"));
  });
  assert.match(await page.$eval("#activation output", (output) => output.textContent), /no slope/);
};

checks["a page goes onto paper dark on light, whatever the screen, with its code whole and its boxes open"] = async () => {
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await open("/book/10-backpropagation/");
  await page.emulateMediaType("print");
  const seen = await page.evaluate(() => {
    const light = (element) => Math.max(...getComputedStyle(element).color.match(/[\d.]+/g).slice(0, 3));
    const cut = (element) => element.scrollWidth > element.clientWidth + 1;
    const all = (selector) => [...document.querySelectorAll(`article ${selector}`)];
    return {
      pale: ["p", ".question", "figcaption", "pre code", ".letter-delta"].filter((name) => light(document.querySelector(`article ${name}`)) > 170),
      cut: all("pre").filter(cut).length,
      folded: all("details pre").filter((element) => !element.checkVisibility()).length,
      bars: [".md-header", ".md-sidebar", ".md-footer"].filter((name) => document.querySelector(name).checkVisibility()),
    };
  });
  await page.emulateMediaType();
  await page.emulateMediaFeatures([]);
  assert.deepEqual(seen, { pale: [], cut: 0, folded: 0, bars: [] });
};

checks["Tab goes through everything on a page that can be reached, each with a mark around it, and comes to the end"] = async () => {
  for (const path of ["/book/11-activations/", "/guides/table/", "/reference/network/"]) {
    await open(path);
    await page.waitForSelector("html[data-laid-out]");
    const wanted = await page.evaluate(() => {
      const all = [...document.querySelectorAll("article :is(a[href], button, input, select, summary, [tabindex='0'])")];
      const shown = all.filter((element) => element.checkVisibility({ visibilityProperty: true }) && element.tabIndex >= 0);
      shown.forEach((element, number) => (element.dataset.wanted = number));
      return shown.length;
    });
    const reached = new Set();
    const unmarked = [];
    for (let pressed = 0; pressed < wanted + 300; pressed++) {
      await page.keyboard.press("Tab");
      const now = await page.evaluate(() => {
        const { activeElement: element, body } = document;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
        const marked = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
        return { number: element.dataset.wanted, end: element === body, marked, html: element.outerHTML.slice(0, 100) };
      });
      if (now.end) break;
      if (now.number === undefined) continue;
      reached.add(now.number);
      if (!now.marked) unmarked.push(now.html);
    }
    assert.equal(reached.size, wanted, `${path}: Tab reaches ${reached.size} of ${wanted}`);
    assert.deepEqual(unmarked.slice(0, 3), [], `${path}: ${unmarked.length} have no mark`);
  }
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
