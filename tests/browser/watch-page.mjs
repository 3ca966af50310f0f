// Opens examples/thumbnails/watch.html and tells each value of its bar, until it shows an end.
// node watch-page.mjs URL SCREENSHOT
import { launch, record } from "./chromium.mjs";

const [url, screenshot] = process.argv.slice(2);
const browser = await launch();
const page = await browser.newPage();
await page.exposeFunction("record", record);
page.on("pageerror", (error) => record("failed", String(error)));
page.on("request", (request) => record("request", request.url(), JSON.stringify(request.headers())));
page.on("websocket", (socket) => record("websocket", socket.url()));
await page.addInitScript(() => {
  addEventListener("DOMContentLoaded", () => {
    const bar = document.querySelector("#bar");
    const status = document.querySelector("#status");
    const tell = () => window.record("shown", bar.value, status.textContent);
    new MutationObserver(tell).observe(document.body, {
      subtree: true, childList: true, characterData: true, attributes: true,
    });
  });
});
await page.goto(url);
await page.waitForFunction(() => /completed|dead|killed/.test(document.querySelector("#status").textContent), null, {
  timeout: 300_000,
});
await page.screenshot({ path: screenshot, fullPage: true });
record("end", await page.locator("#status").textContent(), await page.locator("#bar").evaluate((bar) => bar.value));
await browser.close();
