// Lighthouse's scores for pages of the built site, served compressed, the median of three runs:  node lighthouse.mjs SITE [PATH...]
import { readdirSync } from "node:fs";
import lighthouse from "lighthouse";
import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

const LEAST = { accessibility: 0.98, performance: 0.9 };
const [site, ...named] = process.argv.slice(2);
const chapters = readdirSync(`${site}/book`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const paths = named.length ? named : ["/", ...chapters.map(({ name }) => `/book/${name}/`).sort()];
const { origin, close } = await serve(site);
const browser = await launch();
const options = { port: Number(new URL(browser.wsEndpoint()).port), onlyCategories: Object.keys(LEAST), logLevel: "error" };
await lighthouse(origin + paths[0], options); // a browser that has only begun is slow
const middle = (values) => values.sort((one, other) => one - other)[1];
let poor = 0;
for (const path of paths) {
  const runs = [];
  for (let times = 0; times < 3; times++) runs.push((await lighthouse(origin + path, options)).lhr.categories);
  const scores = Object.fromEntries(Object.keys(LEAST).map((name) => [name, middle(runs.map((run) => run[name].score))]));
  poor += Object.entries(LEAST).some(([name, least]) => scores[name] < least);
  console.log(path, JSON.stringify(scores));
}
await browser.close();
close();
process.exit(poor ? 1 : 0);
