// Whatever a caller passes as an id stays an id: it never becomes another address.
import { expect, test, vi } from "vitest";
import { Emit } from "../src/index.ts";

const ID = "01JMV3Z0000000000000000000";
const HOSTILE = `../spaces/${ID}?force=true#`;

/** Every call that takes an id. */
const CALLS: [string, (emit: Emit, id: string) => Promise<unknown>][] = [
  ["jobs.create", (emit, id) => emit.jobs.create({ name: "a" }, { space: id })],
  ["jobs.createMany", (emit, id) => emit.jobs.createMany([{ name: "a" }], { space: id })],
  ["jobs.get", (emit, id) => emit.jobs.get(id)],
  ["jobs.list", (emit, id) => emit.jobs.list({ space: id })],
  ["jobs.events", (emit, id) => emit.jobs.events(id)],
  ["jobs.logs", (emit, id) => emit.jobs.logs(id)],
  ["jobs.progress", (emit, id) => emit.jobs.progress(id)],
  ["jobs.edit", (emit, id) => emit.jobs.edit(id, {})],
  ["jobs.kill", (emit, id) => emit.jobs.kill(id)],
  ["jobs.requeue", (emit, id) => emit.jobs.requeue(id)],
  ["jobs.erase", (emit, id) => emit.jobs.erase(id)],
  ["jobs.mintToken", (emit, id) => emit.jobs.mintToken(id, 60)],
  ["jobs.bulk", (emit, id) => emit.jobs.bulk("kill", { space: id, status: "pending" })],
  ["jobs.wait", (emit, id) => emit.jobs.wait(id)],
  ["jobs.watch", async (emit, id) => emit.jobs.watch(id).next()],
  ["spaces.get", (emit, id) => emit.spaces.get(id)],
  ["spaces.edit", (emit, id) => emit.spaces.edit(id, {})],
  ["spaces.delete", (emit, id) => emit.spaces.delete(id)],
  ["spaces.counts", (emit, id) => emit.spaces.counts(id)],
  ["spaces.stats", (emit, id) => emit.spaces.stats(id)],
  ["spaces.failures", (emit, id) => emit.spaces.failures(id)],
  ["spaces.watch", async (emit, id) => emit.spaces.watch(id).next()],
  ["tokens.list", (emit, id) => emit.tokens.list(id)],
  ["tokens.create", (emit, id) => emit.tokens.create(id, { name: "a", scopes: [] })],
  ["tokens.revoke, space", (emit, id) => emit.tokens.revoke(id, ID)],
  ["tokens.revoke, key", (emit, id) => emit.tokens.revoke(ID, id)],
  ["tokens.revoke, key of no space", (emit, id) => emit.tokens.revoke(null, id)],
  ["tokens.rotate, space", (emit, id) => emit.tokens.rotate(id, ID)],
  ["tokens.rotate, key", (emit, id) => emit.tokens.rotate(ID, id)],
  ["worker", (emit, id) => emit.worker({ space: id }).handle("a", () => 1).run()],
];

// A socket would ask somebody.
vi.stubGlobal("WebSocket", undefined);

/** Asks nobody: keeps the address that would be asked. */
function asked() {
  const addresses: string[] = [];
  const fetch = async (address: string | URL | Request) => {
    addresses.push(String(new URL(String(address))));
    return new Response("{}", { status: 404 });
  };
  return { addresses, emit: new Emit({ url: "http://emit.test", token: "t", fetch: fetch as typeof globalThis.fetch }) };
}

test.each(CALLS)("%s keeps an id one part of its address", async (_, call) => {
  const { addresses, emit } = asked();
  await call(emit, HOSTILE).catch(() => {});
  expect(addresses).toHaveLength(1);
  expect(new URL(addresses[0]!).pathname.split("/")).toContain(encodeURIComponent(HOSTILE));
  expect(new URL(addresses[0]!).search).not.toContain("force");
});

test.each(CALLS)("%s refuses dots and nothing as an id", async (_, call) => {
  for (const id of ["", ".", ".."]) {
    const { addresses, emit } = asked();
    await expect(call(emit, id)).rejects.toThrow(TypeError);
    expect(addresses).toEqual([]);
  }
});
