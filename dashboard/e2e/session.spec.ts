// Who is signed in, for how long, and what a key is offered.
import { accessible, expect, signIn, test } from "./fixtures.ts";

test("a server that does not answer ends no session, a revoked key does, and says so", async ({ page, server, space }) => {
  const key = await server.key(space, ["jobs:read"]);
  await signIn(page, server, key);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await expect(page).toHaveTitle("Overview · Emit");
  await page.route("**/api/v1/me", (route) => route.fulfill({ status: 503, body: "" }));
  await page.reload();
  await expect(page.getByRole("status")).toContainText("No answer");
  await accessible(page, "waiting for the server");
  await page.unroute("**/api/v1/me");
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();

  const { tokenId } = (await server.call("GET", `/spaces/${space}/tokens`)).find(({ token }: any) => !token);
  await server.call("DELETE", `/spaces/${space}/tokens/${tokenId}`);
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await expect(page.getByText("This key was revoked or has expired.")).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

test("a space that is opened while the server does not answer is live when it does", async ({ page, server, space, emit }) => {
  let asked = 0;
  // More often than a call is tried again by itself.
  await page.route("**/counts", (route) => (++asked <= 6 ? route.abort() : route.continue()));
  await signIn(page, server, undefined, `/spaces/${space}/feed`);
  await expect(page.locator("[data-connection=live]").first()).toBeAttached({ timeout: 60_000 });
  await emit.jobs.create({ name: "seen" });
  await expect(page.getByRole("region", { name: "Events, newest first" })).toContainText("seen");
});

test("what cannot be a key is said to be none, and a complaint goes with what it was about", async ({ page, server }) => {
  let asked = 0;
  await page.route("**/api/v1/me", (route) => (asked++, route.continue()));
  await page.goto(server.url);
  const key = page.getByLabel("Key", { exact: true });
  for (const none of [`emit_${"x".repeat(20_000)}`, "emit_ключ", "two words"]) {
    await key.fill(none);
    await expect(page.getByRole("alert")).toHaveCount(0);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("alert")).toHaveText("This is no key: a key is one short word, as a rule one that begins with emit_.");
  }
  expect(asked).toBe(0);
  await key.fill("emit_wrongwrongwrongwrongwrong");
  await expect(page.getByRole("alert")).toHaveCount(0);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("unknown, revoked or expired");
  await key.pressSequentially("x");
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("a key that may not read is offered what it may do", async ({ page, server, space, emit }) => {
  const enter = async (key: string) => {
    await page.goto(server.url);
    await page.getByLabel("Key", { exact: true }).fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("heading", { name: "What this key may do" })).toBeVisible();
  };
  await enter(await server.key(space, ["jobs:create", "jobs:kill"]));
  await expect(page.getByRole("heading", { name: "Watch a job" })).toHaveCount(0);
  await page.getByLabel("Name", { exact: true }).fill("made.blind");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page.getByText(/^Created: /)).toBeVisible();
  const [made] = (await emit.jobs.list()).jobs;
  expect(made).toMatchObject({ name: "made.blind", status: "pending" });
  await page.getByLabel("The job’s id").fill(made!.id);
  await page.getByRole("button", { name: "Kill" }).click();
  await expect.poll(async () => (await emit.jobs.get(made!.id)).status).toBe("killed");
  await accessible(page, "a limited key");

  await page.getByRole("button", { name: "Use another key" }).click();
  const { token } = await server.call("POST", "/tokens", { name: "t", scopes: ["jobs:read"] });
  await signIn(page, server, token);
  await page.getByLabel("The space’s id").fill(space);
  await page.getByRole("button", { name: "Open" }).click();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.goto(`${server.url}/spaces/${space}/tokens`);
  await expect(page.getByText("this key is none")).toBeVisible();
  await expect(page.getByRole("button", { name: "New key" })).toHaveCount(0);
});

test("what cannot be shown breaks one page at most, and that one can be tried again", async ({ page, server, space, emit, browser }) => {
  const { id } = await emit.jobs.create({ name: "odd" });
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  await server.call("POST", `/jobs/${id}/progress`, { parts: [{ name: { a: 1 }, percent: 5 }] });
  await signIn(page, server, undefined, `/jobs/${id}`);
  await expect(page.getByRole("progressbar", { name: "parts 1" })).toBeVisible();
  for (const [path, heading] of [["/jobs/..%2Fspaces", "No such job"], ["/spaces/..%2F..", "No such space"]] as const) {
    await page.goto(server.url + path);
    await expect(page.getByRole("heading", { name: heading })).toBeVisible();
    await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  }

  // A page of its own: React tells the console of what it has caught.
  const other = await browser.newPage();
  await other.route("**/stats", (route) => route.fulfill({ json: { names: 1 } }));
  await signIn(other, server, undefined, `/spaces/${space}`);
  await expect(other.getByRole("heading", { name: "This page broke" })).toBeVisible();
  await expect(other.getByRole("link", { name: "Live feed" })).toBeVisible();
  await other.unroute("**/stats");
  await other.getByRole("button", { name: "Try again" }).click();
  await expect(other.getByRole("heading", { name: "Overview" })).toBeVisible();
  await other.close();
});
