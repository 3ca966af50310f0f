// One connection of a stream, whatever carries it: a WebSocket where there is one, else server-sent events over fetch
// (Node 20). Both carry the same messages, and on both the key stays out of the address.
import { EmitError, unexpected } from "../errors.ts";
import type { Http } from "../http.ts";

/** How a connection ended. 1006: without a word. */
export interface Closed {
  code: number;
  reason: string;
}

export interface Ask {
  path: string;
  query: Record<string, string>;
  signal: AbortSignal;
  opened: () => void;
}

/** Messages that wait for a slow reader. What comes after them is the server's to keep: the watcher comes back for it. */
const WAITING_MAX = 10_000;

/** The messages of one connection as text, until it closes. Throws the problem of a refusal. */
export function connect(http: Http, ask: Ask): AsyncGenerator<string, Closed, void> {
  return typeof WebSocket === "function" ? overWebSocket(http, ask) : overEvents(http, ask);
}

async function* overWebSocket(http: Http, ask: Ask): AsyncGenerator<string, Closed, void> {
  const address = new URL(http.base + ask.path, globalThis.location?.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.search = new URLSearchParams(ask.query).toString();
  const socket = new WebSocket(address, http.token ? ["emit.v1", `emit.token.${http.token}`] : ["emit.v1"]);
  const waiting: string[] = [];
  let closed: Closed | undefined;
  let opened = false;
  let wake = () => {};
  socket.onopen = () => {
    opened = true;
    ask.opened();
  };
  socket.onmessage = (event) => {
    if (closed) return;
    waiting.push(event.data as string);
    if (waiting.length === WAITING_MAX) {
      socket.close();
      closed = { code: 1013, reason: "the reader is slow" };
    }
    wake();
  };
  socket.onclose = ({ code, reason }) => {
    closed ??= { code, reason };
    wake();
  };
  // Node tells no close of what was never open.
  socket.onerror = () => {
    if (!opened) closed ??= { code: 1006, reason: "" };
    wake();
  };
  const abort = () => {
    socket.close();
    closed ??= { code: 1000, reason: "no longer wanted" };
    wake();
  };
  ask.signal.addEventListener("abort", abort);
  if (ask.signal.aborted) abort();
  try {
    for (;;) {
      // In stretches: under load a shift() for each message would move the rest every time.
      for (const message of waiting.splice(0)) yield message;
      if (waiting.length > 0) continue;
      if (closed) break;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if (!opened && !ask.signal.aborted) await why(http, ask);
    return closed;
  } finally {
    ask.signal.removeEventListener("abort", abort);
    socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }
}

/** A browser does not say why a socket was refused; a plain request to the same address does. */
async function why(http: Http, ask: Ask): Promise<never> {
  try {
    await http.open("GET", ask.path, { query: ask.query, signal: ask.signal });
  } catch (error) {
    if (!(error instanceof EmitError) || error.code !== "upgrade_required") throw error;
  }
  throw new EmitError("connection", 0, "the stream could not be opened");
}

async function* overEvents(http: Http, ask: Ask): AsyncGenerator<string, Closed, void> {
  const headers = { accept: "text/event-stream" };
  const answer = await http.open("GET", ask.path, { query: ask.query, headers, signal: ask.signal });
  if (answer.status === 204 || !answer.body) return { code: 1000, reason: "over" };
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) throw unexpected(answer.status, await answer.text().catch(() => ""));
  ask.opened();
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { code: 1006, reason: "" };
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
    }
  } catch (error) {
    if (error instanceof EmitError) throw error;
    return { code: 1006, reason: String(error) };
  } finally {
    await reader.cancel().catch(() => {});
  }
}
