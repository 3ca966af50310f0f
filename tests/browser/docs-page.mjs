// Opens /api/docs, follows a link within it, and tells what was asked for, refused and seen.
// node docs-page.mjs LINK SCREENSHOT
import { launch, record } from "./chromium.mjs";

const [link, screenshot] = process.argv.slice(2);
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const requests = [];
const complaints = [];
page.on("request", (request) => requests.push(request.url()));
page.on("console", (message) => complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));

await page.goto(link);
// From here on the page must do without a network.
await page.context().setOffline(true);
const create = page.locator("#post_spaces_spaceId_jobs");
await create.locator("summary").click();
record("call", await create.innerText());
await page.screenshot({ path: screenshot });
await create.getByRole("link", { name: "CreateRequest" }).first().click();
record("target", await page.locator("section:target").innerText());
record("style", await page.locator("nav").evaluate((nav) => getComputedStyle(nav).position));
record("scripts", await page.locator("script").count());
record("requests", requests);
record("complaints", complaints);
await browser.close();
