// The jobs table stays true while jobs change, and stays where it was for whoever looks at it.
import { expect, signIn, test } from "./fixtures.ts";

test("rows know what happened between their page and the stream, and who works on them", async ({ page, server, space, emit }) => {
  const [killed, taken] = await emit.jobs.createMany([{ name: "killed.between" }, { name: "taken.later" }]);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  // The stream begins where the counts say.
  await page.route("**/counts", async (route) => {
    await held;
    await route.continue();
  });
  await signIn(page, server, undefined, `/spaces/${space}/jobs`);
  const row = (name: string) => page.getByRole("row").filter({ hasText: name });
  await expect(row("killed.between")).toContainText("pending");
  await emit.jobs.kill(killed!.id);
  release();
  await expect(row("killed.between").getByText("killed", { exact: true })).toBeVisible();
  await emit.http.call("POST", `/jobs/${taken!.id}/claim`, { headers: { "x-emit-worker": "worker-eu-7" } });
  await expect(row("taken.later")).toContainText("delivered");
  await expect(row("taken.later")).toContainText("worker-eu-7");
});

test("rows are true again after more has happened than the page keeps", async ({ page, server, space, emit }) => {
  const [changed, loud] = await emit.jobs.createMany([{ name: "changed.unseen" }, { name: "loud", priority: 1 }]);
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  let frames = 0;
  page.on("websocket", (socket) => socket.on("framereceived", () => frames++));
  await signIn(page, server, undefined, `/spaces/${space}/jobs`);
  await expect(page.getByRole("row")).toHaveCount(3);
  await expect(page.locator("[data-connection=live]:visible")).toBeVisible();
  // As in a hidden tab: no frames.
  await page.evaluate(() => {
    const real = requestAnimationFrame;
    const held: FrameRequestCallback[] = [];
    window.requestAnimationFrame = (call) => held.push(call);
    Object.assign(window, { seen: () => ((window.requestAnimationFrame = real), held.forEach((call) => real(call))) });
  });
  const before = frames;
  await emit.jobs.kill(changed!.id);
  const reports = Array.from({ length: 1_000 }, (_, n) => ({ jobId: loud!.id, report: "progress", body: { percent: n % 100 } }));
  for (let n = 0; n < 6; n++) await emit.http.call("POST", "/jobs/reports", { body: reports });
  await expect.poll(() => frames - before).toBeGreaterThanOrEqual(6_001);
  await page.evaluate(() => (window as any).seen());
  await expect(page.getByRole("row").filter({ hasText: "changed.unseen" }).getByText("killed", { exact: true })).toBeVisible();
  await expect(page.locator("[data-changed]")).toContainText("others may have changed");
});

test("in a search rows that no longer match are marked, what came is counted, and Refresh makes it true", async ({ page, server, space, emit }) => {
  const [a, b] = await emit.jobs.createMany([{ name: "first" }, { name: "second" }]);
  await signIn(page, server, undefined, `/spaces/${space}/jobs?q=status:pending`);
  await expect(page.getByRole("row")).toHaveCount(3);
  await expect(page.locator("[data-changed]")).toHaveCount(0);
  await emit.jobs.kill(a!.id);
  await emit.jobs.create({ name: "third" });
  await expect(page.locator("[data-changed]")).toContainText("1 no longer matches, 1 more matches");
  await expect(page.getByRole("row").filter({ hasText: "first" })).toContainText("no longer matches the search");
  await expect(page.getByRole("row").filter({ hasText: "second" })).not.toContainText("no longer matches");
  await page.getByRole("button", { name: "Refresh" }).click();
  await expect(page.getByRole("link", { name: "third" })).toBeVisible();
  await expect(page.getByRole("link", { name: "first" })).toHaveCount(0);
  await expect(page.locator("[data-changed]")).toHaveCount(0);
  await emit.jobs.kill(b!.id);
  await emit.jobs.requeue(b!.id);
  await expect(page.getByRole("row").filter({ hasText: "second" })).not.toContainText("no longer matches");
});

test("the focus stays in the search and on a status, and going back from a job finds the list where it was", async ({ page, server, space, emit }) => {
  await emit.jobs.createMany(Array.from({ length: 300 }, (_, n) => ({ name: `job.${n}` })));
  await signIn(page, server, undefined, `/spaces/${space}/jobs`);
  const search = page.getByRole("combobox", { name: "Search jobs" });
  await search.fill("name:job.*");
  await search.press("Enter");
  await expect(page).toHaveURL(/name/);
  await expect(page.getByRole("link", { name: "job.299" })).toBeVisible();
  await expect(search).toBeFocused();
  const pending = page.getByRole("button", { name: /pending/ });
  await pending.click();
  await expect(page).toHaveURL(/status/);
  await expect(page.getByRole("link", { name: "job.299" })).toBeVisible();
  await expect(pending).toBeFocused();

  // A page further down than was read at first.
  const scroller = page.locator("[data-scroller]");
  await expect.poll(() => scroller.evaluate((box) => (box.scrollBy(0, 2_000), box.scrollTop))).toBeGreaterThan(6_000);
  let name = "";
  await expect.poll(async () => (name = await scroller.evaluate((box) => {
    const middle = box.getBoundingClientRect().top + box.clientHeight / 2;
    return [...box.querySelectorAll("a")].find((link) => link.getBoundingClientRect().top > middle)?.title ?? "";
  }))).not.toBe("");
  const link = page.getByRole("link", { name, exact: true });
  const before = await scroller.evaluate((box) => box.scrollTop);
  await link.click();
  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  await page.goBack();
  await expect(link).toBeVisible();
  await expect.poll(() => scroller.evaluate((box) => box.scrollTop)).toBe(before);
  // Gone to anew, it begins at its top.
  await page.getByRole("link", { name: "Jobs", exact: true }).click();
  await expect(page.getByRole("link", { name: "job.299" })).toBeVisible();
});

test("with larger letters rows do not overlap, and names of any kind are whole in their titles", async ({ page, server, space, emit }) => {
  const names = [`long.${"name".repeat(40)}`, "תמונה.video-1", "a\"b*"];
  await emit.jobs.createMany(names.map((name) => ({ name })));
  await signIn(page, server, undefined, `/spaces/${space}/jobs`);
  await page.evaluate(() => (document.documentElement.style.fontSize = "24px"));
  const apart = async (rows: string) => {
    const boxes = await page.locator(rows).evaluateAll((all) => all.filter((row) => !(row as HTMLElement).hidden).map((row) => row.getBoundingClientRect()).sort((a, b) => a.top - b.top));
    return boxes.length > 2 && boxes.every((box, at) => at === 0 || Math.abs(box.top - boxes[at - 1]!.bottom) < 1);
  };
  await expect.poll(() => apart("[role=row][data-index]")).toBe(true);
  for (const name of names) {
    const link = page.getByRole("link", { name, exact: true });
    await expect(link).toHaveAttribute("title", name);
    await expect(link.locator("bdi")).toHaveText(name);
  }
  await page.getByRole("link", { name: "Live feed" }).click();
  await expect(page.locator("[data-seq]:visible")).toHaveCount(3);
  await page.evaluate(() => (document.documentElement.style.fontSize = "28px"));
  await expect.poll(() => apart("[data-seq]")).toBe(true);
  // What stands beside each other in a row stays apart.
  await page.evaluate(() => (document.documentElement.style.fontSize = ""));
  const cells = await page.locator("[data-seq]").first().evaluate((row) => [...row.children].map((cell) => cell.getBoundingClientRect()).filter(({ width }) => width > 0));
  for (const [at, cell] of cells.entries()) if (at > 0) expect(cell.left).toBeGreaterThan(cells[at - 1]!.right);
  await expect(page.locator("[data-seq]").last().getByRole("link")).toHaveAttribute("title", names[0]!);
});

test("a name with an asterisk, a quote or a space is found from the metrics, and failures without a text from theirs", async ({ page, server, space, emit }) => {
  const odd = ["a*", 'say "b"', "a b"];
  await emit.jobs.createMany([...odd, "a.other"].map((name) => ({ name, maxRetries: 0 })));
  const { jobs } = await server.call("POST", `/spaces/${space}/jobs/poll`, { count: 4, autoAck: true });
  for (const { id, name } of jobs) await server.call("POST", `/jobs/${id}/fail`, { error: name === "a b" ? "" : "disk full" });
  await signIn(page, server, undefined, `/spaces/${space}/metrics`);
  for (const name of odd) {
    await page.getByRole("link", { name: "Metrics", exact: true }).click();
    await page.getByRole("table").getByRole("link", { name, exact: true }).click();
    await expect(page.getByRole("row")).toHaveCount(2);
    await expect(page.getByRole("row").nth(1)).toContainText(name);
  }
  await page.getByRole("link", { name: "Failures", exact: true }).click();
  await page.getByRole("link", { name: "(no error text)" }).click();
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("row").nth(1)).toContainText("a b");
});
