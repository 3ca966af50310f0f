// Every page, as a newcomer and an operator meet it: what it shows, and that axe finds nothing in either theme.
import { accessible, expect, signIn, test } from "./fixtures.ts";
import { populate } from "./populate.ts";

test("sign-in: a wrong key is said to be wrong, a right one leads to the spaces and to nobody else", async ({ page, server }) => {
  await page.goto(server.url);
  await accessible(page, "sign-in");
  await page.getByLabel("Key", { exact: true }).fill("emit_wrongwrongwrongwrongwrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("unknown, revoked or expired");
  await signIn(page, server);
  await expect(page.getByRole("heading", { name: "Spaces" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Spaces" })).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Key", { exact: true })).toBeVisible();
  expect(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, location.href]))).not.toContain("emit_");
});

test("an empty space carries the next step", async ({ page, server, space }) => {
  await signIn(page, server, undefined, `/spaces/${space}`);
  const step = page.locator("pre");
  await expect(step).toContainText(`/api/v1/spaces/${space}/jobs`);
  for (const language of ["TypeScript", "Python"]) {
    await page.getByRole("tab", { name: language }).click();
    await expect(step).toContainText(space);
  }
  await accessible(page, "an empty space");
});

test("every page of a busy space", async ({ page, server, space }) => {
  const end = await populate(server.url, await server.key(space, ["jobs:create", "jobs:worker"]), space);
  await signIn(page, server);
  await expect(page.getByText("busy of 2 seen lately")).toBeVisible();
  await accessible(page, "home");

  await page.goto(`${server.url}/spaces/${space}`);
  await expect(page.getByText("no such file:")).toBeVisible();
  await expect(page.getByText("encoder-eu-1")).toBeVisible();
  await expect(page.locator(".uplot canvas")).toBeVisible();
  await accessible(page, "overview");

  await page.getByRole("link", { name: "Failures", exact: true }).click();
  await page.getByRole("link", { name: /no such file/ }).click();
  await expect(page).toHaveURL(/error/);
  await expect(page.getByRole("row").nth(1)).toContainText("dead");
  await accessible(page, "jobs");
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Failures" })).toBeVisible();
  await accessible(page, "failures");

  await page.getByRole("link", { name: "Metrics", exact: true }).click();
  await expect(page.getByRole("row", { name: /video.encode/ })).toContainText("%");
  await accessible(page, "metrics");

  await page.getByRole("link", { name: "Live feed" }).click();
  await expect(page.getByRole("region", { name: "Events" })).toContainText("progress");
  await accessible(page, "feed");

  await page.getByRole("link", { name: "Tokens" }).click();
  await expect(page.getByLabel("Public token", { exact: true })).toHaveValue(/^emit_pub_/);
  await accessible(page, "tokens");

  await page.getByRole("link", { name: "Settings" }).click();
  await expect(page.getByRole("textbox", { name: "Name", exact: true })).toHaveValue("test");
  await accessible(page, "settings");

  await page.getByRole("link", { name: "Jobs", exact: true }).click();
  await page.getByRole("button", { name: /running/ }).click();
  await page.getByRole("row").nth(1).getByRole("link").click();
  await expect(page.getByRole("progressbar", { name: "audio" })).toBeVisible();
  await expect(page.getByRole("list", { name: "Events" })).toContainText("checkpoint");
  await accessible(page, "job");
  await page.getByRole("tab", { name: "Logs" }).click();
  await expect(page.getByRole("log")).toContainText("starting");
  await accessible(page, "job, logs");
  await end();
});

test("narrow: everything is there, and nothing reaches beyond the edge", async ({ page, server, space, emit }) => {
  const job = await emit.jobs.create({ name: "a.rather.long.name.of.a.job.that.does.not.fit", payload: { text: "x".repeat(300) } });
  await page.setViewportSize({ width: 360, height: 740 });
  await signIn(page, server);
  for (const path of ["/", `/spaces/${space}`, `/spaces/${space}/jobs`, `/spaces/${space}/failures`, `/spaces/${space}/feed`, `/spaces/${space}/metrics`, `/spaces/${space}/tokens`, `/spaces/${space}/settings`, `/jobs/${job.id}`]) {
    await page.goto(server.url + path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360);
  }
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("link", { name: "Jobs", exact: true }).click();
  await expect(page.getByRole("row")).toHaveCount(2);
});

test("a key sees only what it may do", async ({ page, server, space, emit }) => {
  const job = await emit.jobs.create({ name: "a" });
  await signIn(page, server, await server.key(space, ["jobs:read"]));
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  for (const absent of ["Tokens", "Settings", "All spaces"]) await expect(page.getByRole("link", { name: absent })).toHaveCount(0);
  await page.getByRole("link", { name: "Jobs", exact: true }).click();
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await page.getByRole("row").nth(1).getByRole("link").click();
  await expect(page.getByRole("heading", { name: job.name, exact: true })).toBeVisible();
  for (const absent of ["Kill", "Requeue", "Share", "Create again"]) await expect(page.getByRole("button", { name: absent })).toHaveCount(0);
});

test("the first load is below 200 kB, packed, and keeps for ever what has a hash in its name", async ({ page, server }) => {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.goto(server.url, { waitUntil: "networkidle" });
  console.log(`first load: ${Math.round(bytes / 1_000)} kB`);
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes).toBeLessThan(200_000);
  const index = await page.request.get(server.url);
  expect(index.headers()["cache-control"]).toBe("no-store");
  const policy = index.headers()["content-security-policy"]!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
  const asset = /\/assets\/index-[^"]+\.js/.exec(await index.text())![0];
  const { "cache-control": keeps, "content-encoding": packed } = (await page.request.get(server.url + asset)).headers();
  expect(keeps).toContain("immutable");
  expect(packed).toBe("gzip");
});
