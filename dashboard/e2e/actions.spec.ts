// Every action, with what it must have done looked up past the page.
import { JobFailure } from "../../clients/typescript/src/index.ts";
import { accessible, expect, signIn, test } from "./fixtures.ts";

test("a search with completion, a selection, all that match: requeued with a preview", async ({ page, server, space, emit }) => {
  await emit.jobs.createMany(Array.from({ length: 12 }, (_, n) => ({ name: n < 8 ? "video.encode" : "mail", maxRetries: 0, tags: { customer: String(n % 2) } })));
  const worker = emit.worker({ concurrency: 4 }).handle("video.encode", () => { throw new JobFailure("disk full"); });
  void worker.run();
  await expect.poll(async () => (await emit.spaces.counts()).counts.dead).toBe(8);
  await worker.drain();

  await signIn(page, server, undefined, `/spaces/${space}/jobs`);
  await page.keyboard.press("/");
  const search = page.getByRole("combobox", { name: "Search jobs" });
  await expect(search).toBeFocused();
  await search.pressSequentially("stat");
  await expect(page.getByRole("option", { name: /status:/ })).toBeVisible();
  await accessible(page, "completion");
  await search.press("ArrowDown");
  await search.press("Enter");
  await search.pressSequentially("dead");
  await search.press("ArrowDown");
  await search.press("Enter");
  await expect(page).toHaveURL(/q=status%3Adead/);
  await expect(page.getByRole("row")).toHaveCount(9);

  await page.getByRole("row").nth(1).getByRole("checkbox").click();
  await page.getByRole("row").nth(3).getByRole("checkbox").click({ modifiers: ["Shift"] });
  await expect(page.getByText("3 selected")).toBeVisible();
  await page.getByRole("button", { name: "Requeue…" }).click();
  await expect(page.locator("[data-preview]")).toHaveText("3");
  await accessible(page, "preview");
  await page.getByRole("button", { name: "Requeue 3" }).click();
  await expect(page.getByText("3 requeued")).toBeVisible();
  expect((await emit.spaces.counts()).counts.dead).toBe(5);

  await search.fill("name:video.* tag:customer=1");
  await search.press("Enter");
  await expect(page.getByRole("row")).toHaveCount(5);
  await page.getByRole("button", { name: "Kill…" }).click();
  const waiting = (await emit.jobs.list({ q: "name:video.* tag:customer=1 status:pending" })).jobs.length;
  await expect(page.locator("[data-preview]")).toHaveText(String(waiting));
  await page.getByRole("button", { name: `Kill ${waiting}` }).click();
  await expect(page.getByText(`${waiting} killed`)).toBeVisible();
  expect((await emit.spaces.counts()).counts.killed).toBe(waiting);

  await search.fill("colour:red");
  await search.press("Enter");
  await expect(page.getByRole("alert")).toContainText("colour is no word of a query");
});

test("a job is followed while the server is killed and comes back", async ({ page, server, space, emit }) => {
  const job = await emit.jobs.create({ name: "render", timeoutSeconds: 600 });
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  await server.call("POST", `/jobs/${job.id}/progress`, { percent: 20, step: "one" });
  await signIn(page, server, undefined, `/jobs/${job.id}`);
  await expect(page.getByRole("progressbar", { name: "one" })).toHaveAttribute("aria-valuenow", "20");
  await expect(page.locator("[data-job-connection=live]")).toBeVisible();
  await server.restart();
  await server.call("POST", `/jobs/${job.id}/progress`, { percent: 60, step: "two" });
  await server.call("POST", `/jobs/${job.id}/logs`, { lines: [{ level: "warn", message: "after the restart" }] });
  await expect(page.getByRole("progressbar", { name: "two" })).toHaveAttribute("aria-valuenow", "60");
  await page.getByRole("tab", { name: "Logs" }).click();
  await expect(page.getByRole("log")).toContainText("after the restart");
  await page.getByRole("button", { name: "error" }).click();
  await expect(page.getByRole("log")).toContainText("No line matches");
  await page.getByRole("button", { name: "error" }).click();
  await page.getByLabel("Search in the log").fill("restart");
  await expect(page.getByRole("log")).toContainText("after the restart");
  await server.call("POST", `/jobs/${job.id}/complete`, { url: "x" });
  await expect(page.getByRole("heading", { name: "Result" })).toBeVisible();
  await page.getByRole("tab", { name: "Events" }).click();
  for (const type of ["created", "delivered", "acked", "progress", "log", "completed"]) {
    await expect(page.getByRole("list", { name: "Events" })).toContainText(type);
  }
});

test("a log is searched once for what was typed, not at each key", async ({ page, server, space, emit }) => {
  const { id } = await emit.jobs.create({ name: "talks" });
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  await server.call("POST", `/jobs/${id}/logs`, { lines: [{ level: "info", message: "one fish" }, { level: "info", message: "two fish" }] });
  await page.clock.install();
  const asked: string[] = [];
  page.on("request", (request) => request.url().includes("/logs") && asked.push(new URL(request.url()).searchParams.get("q") ?? ""));
  await signIn(page, server, undefined, `/jobs/${id}`);
  await page.getByRole("tab", { name: "Logs" }).click();
  await expect(page.getByRole("log")).toContainText("two fish");
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.getByLabel("Search in the log").pressSequentially("two");
  await page.clock.runFor(1_000);
  await expect(page.getByRole("log")).not.toContainText("one fish");
  await expect(page.getByRole("log")).toContainText("two fish");
  expect(asked.filter(Boolean)).toEqual(["two"]);
});

test("kill with a reason, requeue, create again with changes", async ({ page, server, emit }) => {
  const job = await emit.jobs.create({ name: "mail", payload: { to: "a" }, tags: { k: "v" } });
  await signIn(page, server, undefined, `/jobs/${job.id}`);
  await page.getByRole("button", { name: "Kill", exact: true }).click();
  await page.getByLabel("Reason").fill("wrong list");
  await page.getByRole("dialog").getByRole("button", { name: "Kill" }).click();
  await expect(page.getByRole("alert")).toContainText("wrong list");
  expect((await emit.jobs.get(job.id)).result).toEqual({ reason: "wrong list" });
  await page.getByRole("button", { name: "Requeue" }).click();
  await expect(page.getByText("Requeued", { exact: true })).toBeVisible();
  expect((await emit.jobs.get(job.id)).status).toBe("pending");
  await page.getByRole("button", { name: "Create again" }).click();
  await page.getByRole("textbox", { name: "Payload" }).fill("{ broken");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("Payload:");
  await page.getByRole("textbox", { name: "Payload" }).fill('{"to": "b"}');
  await accessible(page, "create again");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page).not.toHaveURL(new RegExp(job.id));
  const again = await emit.jobs.get(page.url().split("/").at(-1)!);
  expect([again.payload, again.tags]).toEqual([{ to: "b" }, { k: "v" }]);
});

test("a shared link shows a job's progress live to somebody without a key, and nothing else", async ({ page, server, space, emit, browser }) => {
  const job = await emit.jobs.create({ name: "export", payload: { secret: "payload" } });
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  await server.call("POST", `/jobs/${job.id}/progress`, { percent: 30, message: "gathering" });
  await signIn(page, server, undefined, `/jobs/${job.id}`);
  await page.getByRole("button", { name: "Share" }).click();
  await accessible(page, "share");
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByLabel("Link", { exact: true }).inputValue();
  expect(new URL(link).hash).toMatch(/^#emit_/);

  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(link);
  const bar = stranger.getByRole("progressbar");
  await expect(bar).toHaveAttribute("aria-valuenow", "30");
  await expect(stranger.getByText("gathering", { exact: true })).toBeVisible();
  await accessible(stranger, "watch");
  await server.call("POST", `/jobs/${job.id}/progress`, { percent: 70 });
  await expect(bar).toHaveAttribute("aria-valuenow", "70");
  await server.call("POST", `/jobs/${job.id}/complete`, { secret: "result" });
  await expect(stranger.getByRole("status").first()).toContainText("completed");
  expect(await stranger.content()).not.toContain("secret");
});

test("keys: made, shown once, rotated, revoked; the public token rotated", async ({ page, server, space, emit }) => {
  await signIn(page, server, undefined, `/spaces/${space}/tokens`);
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("billing");
  await page.getByRole("button", { name: "Worker" }).click();
  await accessible(page, "new key");
  await page.getByRole("button", { name: "Create the key" }).click();
  const made = await page.getByRole("textbox", { name: "The new key" }).inputValue();
  const answer = await fetch(`${server.url}/api/v1/me`, { headers: { "x-api-key": made } });
  expect((await answer.json()).scopes).toEqual(["jobs:worker"]);
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByText("billing")).toBeVisible();
  expect(await page.content()).not.toContain(made);

  await page.getByRole("button", { name: "Rotate billing" }).click();
  await page.getByLabel("The old one still works").selectOption("not at all");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const next = await page.getByRole("textbox", { name: "The new key" }).inputValue();
  expect((await fetch(`${server.url}/api/v1/me`, { headers: { "x-api-key": made } })).status).toBe(401);
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Revoke billing" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(page.getByText("Revoked billing")).toBeVisible();
  expect((await fetch(`${server.url}/api/v1/me`, { headers: { "x-api-key": next } })).status).toBe(401);
  expect((await emit.tokens.list(space)).map(({ name }) => name)).toEqual(["Public read-only (progress)"]);
});

test("settings: a new name and a pause; a space made and deleted", async ({ page, server, space }) => {
  await signIn(page, server, undefined, `/spaces/${space}/settings`);
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("renamed");
  await page.getByLabel("Paused").check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();
  expect(await server.call("GET", `/spaces/${space}`)).toMatchObject({ name: "renamed", paused: true, maxPending: null });
  await page.getByLabel("Incoming webhook").fill("https://hooks.slack.com/services/T/B/x");
  await page.getByLabel("completed").check();
  await page.getByRole("button", { name: "Save Slack" }).click();
  await expect(page.getByText("Slack is told from now on")).toBeVisible();
  await page.getByLabel("POST job.pending to").fill("https://example.com/wake");
  await page.getByLabel("Only for jobs named").fill("a, b");
  await page.getByRole("button", { name: "Header", exact: true }).click();
  await page.getByLabel("Name of header 1").fill("authorization");
  await page.getByLabel("Value of header 1").fill("Bearer x");
  await page.getByRole("button", { name: "Save the address" }).click();
  await expect(page.getByText("Workers are woken from now on")).toBeVisible();
  const { slack, push } = await server.call("GET", `/spaces/${space}`);
  expect([slack.events.toSorted(), push.url, push.names, Object.keys(push.headers)]).toEqual([["completed", "dead"], "https://example.com/wake", ["a", "b"], ["authorization"]]);
  // What somebody else has changed meanwhile stays, and a stored header does not go unsaid.
  await server.call("PATCH", `/spaces/${space}`, { maxPending: 7, paused: false });
  await page.getByLabel("Keep ended jobs").fill("3");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByLabel("Most waiting jobs")).toHaveValue("7");
  expect(await server.call("GET", `/spaces/${space}`)).toMatchObject({ name: "renamed", paused: false, maxPending: 7, retentionDays: 3 });
  await page.getByLabel("Only for jobs named").fill("a");
  await page.getByRole("button", { name: "Save the address" }).click();
  await expect(page.getByLabel("Value of header 1")).toBeFocused();
  expect((await server.call("GET", `/spaces/${space}`)).push).toMatchObject({ names: ["a", "b"], headers: { authorization: "***" } });
  await page.getByRole("button", { name: "New secret…" }).click();
  await page.getByRole("button", { name: "Make a new secret" }).click();
  await expect(page.getByRole("textbox", { name: "The new key" })).toHaveValue(/^whsec_/);
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("link", { name: "All spaces" }).click();
  await page.getByRole("button", { name: "New space" }).click();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("brief");
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByLabel(/Type “brief”/).fill("brief");
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByRole("heading", { name: "Spaces" })).toBeVisible();
  expect((await server.call("GET", "/spaces")).map(({ name }: { name: string }) => name)).not.toContain("brief");
});

test("the palette goes anywhere by the keyboard alone", async ({ page, server, space, emit }) => {
  const job = await emit.jobs.create({ name: "found.by.id" });
  await signIn(page, server, undefined, `/spaces/${space}`);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox", { name: "Go to" })).toBeFocused();
  await accessible(page, "palette");
  await page.keyboard.type(job.id);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "found.by.id" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("metr");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Metrics" })).toBeVisible();
});
