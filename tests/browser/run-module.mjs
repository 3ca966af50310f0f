// Takes a program (one line, a JSON string) from standard input and runs it as an ES module in an empty page. The page has
// an origin of its own, as the pages of Emit's users have; Chromium keeps pages of no origin away from loopback.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { launch, record } from "./chromium.mjs";

const lines = createInterface({ input: process.stdin });
const program = JSON.parse(await new Promise((resolve) => lines.once("line", resolve)));
const over = new Promise((resolve) => lines.once("close", resolve));

const browser = await launch();
const page = await browser.newPage();
await page.exposeFunction("record", record);
page.on("pageerror", (error) => record("failed", String(error)));
const site = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html>"));
await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
await page.goto(`http://127.0.0.1:${site.address().port}/`);
await page.addScriptTag({ type: "module", content: program });
await over;
await browser.close();
site.close();
