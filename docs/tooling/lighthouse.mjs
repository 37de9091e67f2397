// Lighthouse's scores for pages of the built site, served compressed:  node lighthouse.mjs SITE PATH...
import lighthouse from "lighthouse";
import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

const LEAST = { accessibility: 0.98, performance: 0.9 };
const [site, ...paths] = process.argv.slice(2);
const { origin, close } = await serve(site);
const browser = await launch();
let poor = 0;
for (const path of paths) {
  const port = Number(new URL(browser.wsEndpoint()).port);
  const { lhr } = await lighthouse(origin + path, { port, onlyCategories: Object.keys(LEAST), logLevel: "error" });
  const scores = Object.fromEntries(Object.keys(LEAST).map((name) => [name, lhr.categories[name].score]));
  poor += Object.entries(LEAST).some(([name, least]) => scores[name] < least);
  console.log(path, JSON.stringify(scores));
}
await browser.close();
close();
process.exit(poor ? 1 : 0);
