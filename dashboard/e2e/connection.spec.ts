// What the page says of its connection is so, also of a server that takes connections and answers nothing.
import { cpSync, rmSync } from "node:fs";
import { expect, signIn, test } from "./fixtures.ts";

const LIVE = "[data-connection=live]:visible";

test("a server that stands still is not called live, and what happens afterwards is not missed", async ({ page, server, emit }) => {
  const { id } = await emit.jobs.create({ name: "slept" });
  await signIn(page, server, undefined, `/jobs/${id}`);
  await expect(page.locator(LIVE)).toBeVisible();
  await expect(page.locator("[data-job-connection=live]")).toBeVisible();
  server.freeze();
  try {
    await expect(page.locator("[data-connection=reconnecting]:visible")).toBeVisible({ timeout: 60_000 });
    await expect(page.locator("[data-job-connection=reconnecting]")).toBeVisible();
  } finally {
    server.thaw();
  }
  await expect(page.locator(LIVE)).toBeVisible({ timeout: 60_000 });
  await emit.jobs.kill(id);
  await expect(page.locator("[data-job-connection]").locator("..")).toContainText("killed");
  await page.getByRole("link", { name: "Live feed" }).click();
  await expect(page.locator("[data-seq]").first()).toContainText("killed");
});

test("after a backup was restored, with numbers that count anew, rows and feed say what is there", async ({ page, server, space, emit }) => {
  const kept = await emit.jobs.create({ name: "kept" });
  const data = `${server.folder}/data`;
  const backup = `${server.folder}/backup`;
  const copy = (from: string, to: string) => cpSync(from, to, { recursive: true, filter: (name) => !name.endsWith(".sock") });
  await server.restart(() => copy(data, backup));
  await emit.jobs.kill(kept.id);
  await emit.jobs.create({ name: "lost" });
  await signIn(page, server, undefined, `/spaces/${space}/jobs`);
  const row = (name: string) => page.getByRole("row").filter({ hasText: name });
  await expect(row("kept")).toContainText("killed");
  await expect(page.locator(LIVE)).toBeVisible();
  await server.restart(() => {
    rmSync(data, { recursive: true });
    copy(backup, data);
  });
  await expect(row("lost")).toContainText("gone");
  await expect(row("kept")).toContainText("pending");
  await expect(page.locator(LIVE)).toBeVisible();
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  await expect(row("kept")).toContainText("running");
  await page.getByRole("link", { name: "Live feed" }).click();
  await expect(page.getByText("where it says “gap”")).toBeVisible();
  await expect(page.locator("[data-seq]").first()).toContainText("acked");
});
