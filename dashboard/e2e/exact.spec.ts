// What is shown and stored again is what is there; nothing is done that was not asked for.
import { expect, signIn, test } from "./fixtures.ts";

const PAYLOAD = '{"order":12345678901234567890,"price":1.10,"far":1e400,"safe":9007199254740993}';

test("numbers keep every digit, null stays null, one form makes one job, and a hundred reports hide no attempt", async ({ page, server, space, emit }) => {
  const create = (payload: string) => emit.http.call<{ id: string }>("POST", `/spaces/${space}/jobs`, { body: `{"name":"exact","payload":${payload}}` });
  const textOf = async (id: string) => (await emit.http.open("GET", `/jobs/${id}`)).text();
  const { id } = await create(PAYLOAD);
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  await server.call("POST", `/jobs/${id}/fail`, { error: "the first time" });
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  await server.call("POST", "/jobs/reports", Array.from({ length: 150 }, (_, n) => ({ jobId: id, report: "progress", body: { percent: n / 2 } })));
  await emit.http.call("POST", `/jobs/${id}/complete`, { body: '{"id":9007199254740993}' });

  await signIn(page, server, undefined, `/jobs/${id}`);
  const card = (name: string) => page.locator("section").filter({ has: page.getByRole("heading", { name, exact: true }) });
  for (const digits of ["12345678901234567890", "1.10", "1e400", "9007199254740993"]) await expect(card("Payload")).toContainText(digits);
  await expect(card("Result")).toContainText("9007199254740993");
  await expect(card("Attempts")).toContainText("the first time");
  await expect(card("Attempts").getByRole("listitem").filter({ hasText: /^Attempt/ })).toHaveCount(2);
  await page.getByRole("button", { name: /completed/ }).click();
  await expect(page.getByRole("list", { name: "Events" })).toContainText("9007199254740993");

  await page.getByRole("button", { name: "Create again" }).click();
  await page.getByRole("button", { name: "Create", exact: true }).dblclick();
  await expect(page).not.toHaveURL(new RegExp(id));
  expect(await textOf(page.url().split("/").at(-1)!)).toContain('"order": 12345678901234567890,\n  "price": 1.10,\n  "far": 1e400,\n  "safe": 9007199254740993');
  expect((await emit.jobs.list()).jobs).toHaveLength(2);

  const nothing = await create("null");
  await page.goto(`${server.url}/jobs/${nothing.id}`);
  await page.getByRole("button", { name: "Create again" }).click();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page).not.toHaveURL(new RegExp(nothing.id));
  expect((await emit.jobs.get(page.url().split("/").at(-1)!)).payload).toBeNull();
});

test("a secret key is never put into an address", async ({ page, server, space, emit }) => {
  const { id } = await emit.jobs.create({ name: "watched" });
  const key = await server.key(space, ["jobs:read:progress"]);
  await page.goto(server.url);
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("The job’s id").fill(id);
  await page.getByRole("button", { name: "Watch" }).click();
  await expect(page.getByRole("heading", { name: "watched" })).toBeVisible();
  await expect(page.getByRole("status").first()).toContainText("pending");
  expect(page.url()).toBe(`${server.url}/watch/${id}`);
});

test("a link with something else in the place of its token says so", async ({ page, server, emit }) => {
  const { id } = await emit.jobs.create({ name: "watched" });
  await page.goto(`${server.url}/watch/${id}#emit_%20%0A`);
  await expect(page.getByText("ask for it again")).toBeVisible();
});

test("a bulk kill that is stopped leaves the rest alone", async ({ page, server, space, emit }) => {
  await emit.jobs.createMany(Array.from({ length: 60 }, () => ({ name: "many" })));
  await signIn(page, server, undefined, `/spaces/${space}/jobs?q=status:pending`);
  let asked = 0;
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/kill", async (route) => {
    if (++asked > 10) await held;
    await route.continue();
  });
  await page.getByRole("button", { name: "Kill…" }).click();
  await page.getByRole("button", { name: "Kill 60" }).click();
  await expect.poll(() => asked).toBeGreaterThan(10);
  await page.getByRole("button", { name: "Stop" }).click();
  release();
  await expect(page.getByText(/stopped before the other/)).toBeVisible();
  const { counts } = await emit.spaces.counts();
  expect([counts.killed, counts.pending]).toEqual([asked, 60 - asked]);
  expect(asked).toBeLessThan(60);
});
