// @vitest-environment jsdom
// The React entry against the real server, under StrictMode, with nothing but the space's public token.
import { StrictMode } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Emit } from "../src/index.ts";
import { EmitProvider, useJob, useSpace } from "../src/react.ts";
import { Server } from "./server.ts";

const PATIENCE_MS = Number(process.env.EMIT_PATIENCE_MS ?? 60_000);
const server = new Server();
let space: string;
// jsdom's sockets cannot be told to go; the vectors try both kinds of stream.
vi.stubGlobal("WebSocket", undefined);
beforeAll(async () => {
  await server.start();
  space = await server.space();
});
afterAll(() => server.stop());

function Job({ id }: { id: string }) {
  const job = useJob<{ percent: number }>(id);
  return <p>{`${job.status} ${job.progress?.percent} ${job.connection.state} ${job.error?.message}`}</p>;
}

function History({ id }: { id: string }) {
  const job = useJob(id, { history: true });
  return <p>{`${job.connection.state} ${job.status} ${job.events.map((event) => event.type)} ${job.reason}`}</p>;
}

function Space({ id }: { id: string }) {
  const { events, connection } = useSpace(id);
  return <p>{`${connection.state} ${events.map((event) => event.type)}`}</p>;
}

async function shown(place: HTMLElement, text: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!place.textContent?.includes(text)) {
    if (Date.now() > end) throw new Error(`${JSON.stringify(place.textContent)} instead of ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function mounted(key: string | Emit, child: React.ReactNode) {
  const place = document.createElement("div");
  const root = createRoot(place);
  const client = typeof key === "string" ? new Emit({ url: server.url, token: key }) : key;
  const show = (child: React.ReactNode) => root.render(<StrictMode><EmitProvider client={client}>{child}</EmitProvider></StrictMode>);
  show(child);
  return { place, show, end: () => root.unmount() };
}

/** All that a place has shown. */
function watched(place: HTMLElement): string[] {
  const seen: string[] = [];
  const observer = new MutationObserver(() => seen.push(place.textContent ?? ""));
  observer.observe(place, { childList: true, characterData: true, subtree: true });
  return seen;
}

test("a job is shown live with the public token, its earlier progress included", { timeout: 3 * PATIENCE_MS }, async () => {
  const job = await server.call("POST", `/spaces/${space}/jobs`, { name: "a" });
  await server.call("POST", `/spaces/${space}/jobs/poll`, { autoAck: true });
  await server.call("POST", `/jobs/${job.id}/progress`, { percent: 30 });
  const { place, end } = mounted(await server.key(space, "public"), <Job id={job.id} />);
  await shown(place, "running 30 live");
  await server.call("POST", `/jobs/${job.id}/progress`, { percent: 60 });
  await shown(place, "running 60 live");
  await server.call("POST", `/jobs/${job.id}/complete`, {});
  await shown(place, "completed 60 ended");
  end();
});

test("a job that is not there is an error and no crash", { timeout: 3 * PATIENCE_MS }, async () => {
  const { place, end } = mounted(await server.key(space, "public"), <Job id="01JMV3Z0000000000000000000" />);
  await shown(place, "No such job");
  end();
});

test("a space is shown by one stream, however often it is mounted, and let go afterwards", { timeout: 3 * PATIENCE_MS }, async () => {
  const key = await server.key(space, ["jobs:read"]);
  const { place, end } = mounted(key, <><Space id={space} /><Space id={space} /></>);
  await shown(place, "live ");
  await server.call("POST", `/spaces/${space}/jobs`, { name: "seen" });
  await shown(place, "live created");
  expect(place.textContent).toBe("live createdlive created");
  end();
});

test("who comes back sees what is, and not what was when he left", { timeout: 3 * PATIENCE_MS }, async () => {
  const own = await server.space();
  const client = new Emit({ url: server.url, token: await server.key(own, ["jobs:read"]) });
  const job = await server.call("POST", `/spaces/${own}/jobs`, { name: "a" });
  const page = <><Space id={own} /><History id={job.id} /></>;
  const first = mounted(client, page);
  await shown(first.place, "live pending created");
  await server.call("POST", `/spaces/${own}/jobs/poll`, { autoAck: true });
  await shown(first.place, "live delivered,acked" + "live running created,delivered,acked");
  first.end();
  await new Promise((resolve) => setTimeout(resolve));
  await server.call("POST", `/jobs/${job.id}/fail`, { error: "no", retryable: false });
  const second = mounted(client, page);
  const seen = watched(second.place);
  await shown(second.place, "ended dead created,delivered,acked,dead");
  await shown(second.place, "live ended");
  // Whatever was missed meanwhile, there is no list with a hole in it.
  expect(seen.filter((text) => text.includes("live delivered") || text.includes("running"))).toEqual([]);
  second.end();
});

test("another id is another job, at once", { timeout: 3 * PATIENCE_MS }, async () => {
  const [one, two] = await server.call("POST", `/spaces/${space}/jobs`, [{ name: "one" }, { name: "two" }]);
  await server.call("POST", `/jobs/${two.id}/kill`);
  const { place, show, end } = mounted(await server.key(space, "public"), <Job id={one.id} />);
  await shown(place, "pending undefined live");
  const seen = watched(place);
  show(<Job id={two.id} />);
  await shown(place, "killed undefined ended");
  expect(seen[0]).toBe("undefined undefined connecting undefined");
  await server.call("POST", `/jobs/${one.id}/claim`);
  show(<Job id={one.id} />);
  await shown(place, "delivered undefined live");
  expect(seen.filter((text) => text.includes("pending"))).toEqual([]);
  end();
});

test("a server that is not there yet is waited for", { timeout: 3 * PATIENCE_MS }, async () => {
  const job = await server.call("POST", `/spaces/${space}/jobs`, { name: "a" });
  let asked = 0;
  const fetch_: typeof fetch = (...call) => (asked++ < 3 ? Promise.reject(new TypeError("not yet")) : fetch(...call));
  const client = new Emit({ url: server.url, token: await server.key(space, "public"), fetch: fetch_, retries: 0 });
  const { place, end } = mounted(client, <Job id={job.id} />);
  await shown(place, "pending undefined live");
  end();
});

test("a requeued job has nothing left of its first life", { timeout: 3 * PATIENCE_MS }, async () => {
  const job = await server.call("POST", `/spaces/${space}/jobs`, { name: "again" });
  await server.call("POST", `/jobs/${job.id}/kill`, { reason: "enough" });
  await server.call("POST", `/jobs/${job.id}/requeue`);
  const { place, end } = mounted(await server.key(space, ["jobs:read"]), <History id={job.id} />);
  await shown(place, "live pending created,killed,requeued undefined");
  end();
});

test("after a restored backup what comes counts, and not what was known", { timeout: 3 * PATIENCE_MS }, async () => {
  const own = await server.space();
  const job = await server.call("POST", `/spaces/${own}/jobs`, { name: "a" });
  // The state was read of a server that had come further than the one that is there now.
  const fetch_: typeof fetch = async (...call) => {
    const answer = await fetch(...call);
    return String(call[0]).includes("/progress") ? new Response(await answer.text(), { headers: { "x-emit-seq": "1000000" } }) : answer;
  };
  const client = new Emit({ url: server.url, token: await server.key(own, ["jobs:read"]), fetch: fetch_ });
  const { place, end } = mounted(client, <Job id={job.id} />);
  await shown(place, "pending undefined live");
  await server.call("POST", `/jobs/${job.id}/claim`);
  await shown(place, "delivered undefined live");
  end();
});

test("a page from a server is taken over as it is, also where more is known by then", { timeout: 3 * PATIENCE_MS }, async () => {
  const job = await server.call("POST", `/spaces/${space}/jobs`, { name: "a" });
  const client = new Emit({ url: server.url, token: await server.key(space, "public") });
  const first = mounted(client, <Job id={job.id} />);
  await shown(first.place, "pending undefined live");
  const page = (client: Emit) => <EmitProvider client={client}><Job id={job.id} /></EmitProvider>;
  const place = document.createElement("div");
  place.innerHTML = renderToString(page(new Emit({ url: server.url })));
  const wrong: unknown[] = [];
  const root = hydrateRoot(place, page(client), { onRecoverableError: (error) => wrong.push(error) });
  await shown(place, "pending undefined live");
  expect(wrong).toEqual([]);
  root.unmount();
  first.end();
});

test("on a server it renders what it knows: nothing yet", () => {
  const html = renderToString(<EmitProvider url={server.url} token="x"><Job id="01JMV3Z0000000000000000000" /></EmitProvider>);
  expect(html).toBe("<p>undefined undefined connecting undefined</p>");
});
