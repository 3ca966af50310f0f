// One server, a space for each test, and a page that tells of every error and of every request to elsewhere.
import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";
import { Emit } from "../../clients/typescript/src/index.ts";
import { ADMIN_KEY, Server } from "../../clients/typescript/test/server.ts";

interface Fixtures {
  space: string;
  emit: Emit;
}

export const test = base.extend<Fixtures, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await new Server().start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  space: async ({ server }, use) => {
    const id = await server.space();
    await use(id);
    // Home shows only so many spaces: those of tests that are over would leave no room for a test's own.
    await server.call("DELETE", `/spaces/${id}?force=true`);
  },
  emit: async ({ server, space }, use) => use(new Emit({ url: server.url, token: ADMIN_KEY, space })),
  page: async ({ page, server }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => {
      // A server that is killed on purpose is no error of the page's.
      if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text())) wrong.push(message.text());
    });
    page.on("request", (request) => {
      const { host, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && host !== new URL(server.url).host) wrong.push(`a request to ${request.url()}`);
      if (/emit_[A-Za-z0-9]{20}/.test(request.url())) wrong.push(`a key in ${request.url()}`);
    });
    await use(page);
    expect(wrong).toEqual([]);
  },
});

export { expect };

export async function signIn(page: Page, server: Server, key = ADMIN_KEY, path = "/"): Promise<void> {
  await page.goto(server.url + path);
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("main")).toHaveAttribute("id", "content");
}

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** WCAG 2.2 AA, as far as a machine can tell, in both themes. */
export async function accessible(page: Page, where: string): Promise<void> {
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await expect(page.locator(`html[data-theme=${theme}]`)).toBeVisible();
    const { violations } = await new AxeBuilder({ page: page as never }).withTags(TAGS).analyze();
    const found = violations.map(({ id, nodes }) => `${where}, ${theme}: ${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`);
    expect(found).toEqual([]);
  }
}
