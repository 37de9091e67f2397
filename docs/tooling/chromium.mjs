import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];
export const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync",
];

export function executable() {
  const found = process.env.CHROME ?? PLACES.find(existsSync);
  if (!found) {
    console.error("no Chromium was found: install it (on Debian: apt-get install chromium), or name it in CHROME");
    process.exit(2);
  }
  return found;
}

export const launch = () => puppeteer.launch({ executablePath: executable(), headless: true, args: FLAGS });
