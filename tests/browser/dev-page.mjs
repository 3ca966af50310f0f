// Opens the page of `emit dev`, clicks, waits for the end, and tells what was seen and which keys left the browser.
// node dev-page.mjs LINK SCREENSHOT
import { launch, record } from "./chromium.mjs";

const [link, screenshot] = process.argv.slice(2);
const keys = new Set();
const keep = (text) => {
  for (const key of String(text).match(/emit_[A-Za-z0-9_]{16,}/g) ?? []) keys.add(key);
};

const browser = await launch();
const page = await browser.newPage();
page.on("pageerror", (error) => record("failed", String(error)));
page.on("request", (request) => {
  keep(request.url());
  keep(JSON.stringify(request.headers()));
  keep(request.postData());
});
page.on("response", async (response) => {
  keep(JSON.stringify(await response.allHeaders().catch(() => "")));
  // The body of a stream never ends, and the page's own text is read below.
  if (response.request().resourceType() === "fetch") keep(await response.text().catch(() => ""));
});
page.on("websocket", (socket) => {
  record("websocket", socket.url());
  keep(socket.url());
  socket.on("framereceived", (frame) => keep(frame.payload));
});

await page.goto(link);
await page.locator("#start").click();
// Every value the bar takes, until it is full and the status says so.
await page.waitForFunction(() => {
  const bar = document.querySelector("#bar [role=progressbar]");
  if (!bar) return false;
  const value = Number(bar.getAttribute("aria-valuenow"));
  (window.seenValues ??= new Set()).add(value);
  return value === 100 && /completed/.test(document.querySelector("#status").textContent);
}, null, { timeout: 120_000 });
record("values", await page.evaluate(() => [...window.seenValues]));
record("status", await page.locator("#status").textContent());
record("log", await page.locator("#log").innerText());
keep(await page.content());
await page.screenshot({ path: screenshot, fullPage: true });
record("keys", [...keys]);
await browser.close();
