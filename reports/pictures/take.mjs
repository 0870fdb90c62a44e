// Takes the pictures of a run's page that the documents show, and measures how the page opens and scrolls.
//
//     harrow report quick-failover --seed 9 --defect truncate-to-hw --out kip-101.html
//     node reports/pictures/take.mjs kip-101.html reports/pictures      # pictures, a line of JSON on stdout
//     node reports/pictures/take.mjs large.html                         # the line alone
//
// Chromium is driven through a pipe: no port is opened, no package is needed. Exit codes: 0 done, 1 a picture is too
// large or the page does not draw, 77 there is no browser.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

// Debian's own program first: the script in front of it does not hand the pipe on.
const BROWSERS = ["/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome"];
const BYTES_MAX = 150_000;
const FRAMES = 120;

/** What is shown: the part of the page, and how wide and dark it is. */
const PICTURES = [
  { name: "story", part: "#story", width: 1000, height: 760, dark: false },
  { name: "time", part: "#time", width: 1000, height: 900, dark: false },
  { name: "state", part: "#state", width: 1000, height: 560, dark: false },
  { name: "time-dark", part: "#time", width: 1000, height: 620, dark: true },
];

/** Chromium, spoken to by messages that end in a zero byte. */
class Browser {
  constructor(program, profile) {
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"];
    const own = [`--user-data-dir=${profile}`, "--remote-debugging-pipe", "about:blank"];
    this.process = spawn(program, [...flags, ...own], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.waiting = new Map();
    this.next = 1;
    let left = "";
    this.process.stdio[4].on("data", (bytes) => {
      const messages = (left + bytes).split("\0");
      left = messages.pop();
      for (const message of messages) this.take(JSON.parse(message));
    });
  }

  take({ id, result, error }) {
    const waits = this.waiting.get(id);
    this.waiting.delete(id);
    if (waits) error ? waits.reject(new Error(error.message)) : waits.resolve(result);
  }

  send(method, params = {}, sessionId = this.session) {
    const id = this.next++;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  async open() {
    const { targetInfos } = await this.send("Target.getTargets");
    const { targetId } = targetInfos.find((target) => target.type === "page");
    ({ sessionId: this.session } = await this.send("Target.attachToTarget", { targetId, flatten: true }));
    await this.send("Page.enable");
  }

  async ask(expression) {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", asked);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  size(width, height) {
    return this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  }

  dark(is) {
    const features = [{ name: "prefers-color-scheme", value: is ? "dark" : "light" }];
    return this.send("Emulation.setEmulatedMedia", { features });
  }
}

/** Runs in the page: times in milliseconds since it was asked for, once it has drawn. */
const PAINTED = `new Promise((done) => {
  const drawn = () => Number(document.documentElement.dataset.drawn ?? 0);
  const look = () => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    if (document.readyState !== "complete" || !paint || !drawn()) return setTimeout(look, 10);
    const loaded = performance.getEntriesByType("navigation")[0].loadEventEnd;
    done({ first_paint_ms: Math.round(paint.startTime), loaded_ms: Math.round(loaded), drawn: drawn() });
  };
  look();
})`;

/** Runs in the page: scrolls the list of all events to its end, frame by frame, and times the frames. */
const SCROLLED = `new Promise((done) => {
  const list = document.querySelector("#list"), times = [];
  const step = (list.scrollHeight - list.clientHeight) / ${FRAMES};
  const frame = (at) => {
    times.push(at);
    list.scrollTop += step;
    if (times.length <= ${FRAMES}) return requestAnimationFrame(frame);
    const gaps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
    const seconds = (times.at(-1) - times[0]) / 1000;
    done({
      frames_per_second: Math.round(gaps.length / seconds),
      slowest_frame_ms: Math.round(gaps.at(-1)),
      rows_in_document: document.querySelectorAll("#rows > *").length,
    });
  };
  requestAnimationFrame(frame);
})`;

async function picture(browser, { name, part, width, height, dark }, directory) {
  await browser.size(width, height);
  await browser.dark(dark);
  const place = `document.querySelector(${JSON.stringify(part)})`;
  await browser.ask(`new Promise((done) => { ${place}.scrollIntoView(); setTimeout(done, 300); })`);
  const { data } = await browser.send("Page.captureScreenshot", { format: "png" });
  const file = join(directory, `${name}.png`);
  writeFileSync(file, Buffer.from(data, "base64"));
  const { size } = statSync(file);
  if (size > BYTES_MAX) throw new Error(`${file} has ${size} bytes, more than ${BYTES_MAX}`);
}

async function all(browser, page, directory) {
  await browser.open();
  await browser.size(1200, 900);
  await browser.send("Page.navigate", { url: pathToFileURL(resolve(page)).href });
  const painted = await browser.ask(PAINTED);
  const events = await browser.ask(`document.querySelector("#count").textContent`);
  const scrolled = await browser.ask(SCROLLED);
  for (const one of directory ? PICTURES : []) await picture(browser, one, directory);
  return { page, bytes: statSync(page).size, events, ...painted, ...scrolled };
}

const [page, directory] = process.argv.slice(2);
if (!page) {
  console.error("usage: node take.mjs PAGE.html [DIRECTORY]");
  process.exit(2);
}
const program = BROWSERS.find((name) => spawnSync(name, ["--version"]).status === 0);
if (!program) {
  console.error("skipped: no browser is installed");
  process.exit(77);
}
const profile = mkdtempSync(join(tmpdir(), "harrow-pictures-"));
const browser = new Browser(program, profile);
const ended = new Promise((done) => browser.process.on("exit", done));
try {
  console.log(JSON.stringify(await all(browser, page, directory)));
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
} finally {
  browser.send("Browser.close", {}, undefined).catch(() => {});
  await ended;
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
