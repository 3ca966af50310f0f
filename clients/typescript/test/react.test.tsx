// @vitest-environment jsdom
// The React entry against the real server, under StrictMode, with nothing but the space's public token.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
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

function mounted(token: string, child: React.ReactNode) {
  const place = document.createElement("div");
  const root = createRoot(place);
  root.render(<StrictMode><EmitProvider url={server.url} token={token}>{child}</EmitProvider></StrictMode>);
  return { place, end: () => root.unmount() };
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

test("on a server it renders what it knows: nothing yet", () => {
  const html = renderToString(<EmitProvider url={server.url} token="x"><Job id="01JMV3Z0000000000000000000" /></EmitProvider>);
  expect(html).toBe("<p>undefined undefined connecting undefined</p>");
});
