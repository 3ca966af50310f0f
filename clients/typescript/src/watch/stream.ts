// One connection of a stream, whatever carries it: a WebSocket where there is one that can carry the key, else server-sent
// events over fetch (Node 20). Both carry the same messages, and on both the key stays out of the address.
import { EmitError, unexpected } from "../errors.ts";
import type { Http } from "../http.ts";
import { pause, within } from "../pause.ts";

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
  /** Asks the server for something small, to see whether it is there. */
  alive: () => Promise<unknown>;
  /** The silence after which that is asked. */
  quietMs: number;
}

/** How long opening a stream, or any answer about it, may take. */
export const ANSWER_MS = 10_000;
/** Server-sent events come with a comment at least every 15 s: three times that, and nobody is there. */
const SILENT_MS = 45_000;

/** Messages that wait for a slow reader. What comes after them is the server's to keep: the watcher comes back for it. */
const WAITING_MAX = 10_000;

/** What a subprotocol can carry. A key that an operator chose may hold more, such as base64's signs. */
const SUBPROTOCOL = /^[\w!#$%&'*+.^`|~-]*$/;

/** The messages of one connection as text, until it closes. Throws the problem of a refusal. */
export function connect(http: Http, ask: Ask): AsyncGenerator<string, Closed, void> {
  return typeof WebSocket === "function" && SUBPROTOCOL.test(http.token ?? "") ? overWebSocket(http, ask) : overEvents(http, ask);
}

async function* overWebSocket(http: Http, ask: Ask): AsyncGenerator<string, Closed, void> {
  const address = new URL(http.base + ask.path, globalThis.location?.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.search = new URLSearchParams(ask.query).toString();
  const socket = new WebSocket(address, http.token ? ["emit.v1", `emit.token.${http.token}`] : ["emit.v1"]);
  const waiting: string[] = [];
  let closed: Closed | undefined;
  let opened = false;
  let heard = 0;
  let wake = () => {};
  const over = new AbortController();
  const lost = () => {
    closed ??= { code: 1006, reason: "nobody answers" };
    wake();
  };
  const opening = setTimeout(lost, ANSWER_MS);
  socket.onopen = () => {
    clearTimeout(opening);
    opened = true;
    heard = Date.now();
    ask.opened();
    void listen(ask, () => heard, lost, AbortSignal.any([ask.signal, over.signal]));
  };
  socket.onmessage = (event) => {
    if (closed) return;
    heard = Date.now();
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
    clearTimeout(opening);
    over.abort();
    ask.signal.removeEventListener("abort", abort);
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }
}

/** A browser does not say why a socket was refused; a plain request to the same address does. */
async function why(http: Http, ask: Ask): Promise<never> {
  try {
    await http.open("GET", ask.path, { query: ask.query, signal: within(ANSWER_MS, ask.signal) });
  } catch (error) {
    if (error instanceof EmitError && error.code !== "upgrade_required") throw error;
  }
  throw new EmitError("connection", 0, "the stream could not be opened");
}

/** Pings are not seen here, and of a peer that is gone nobody tells: after a silence it is asked for. */
async function listen(ask: Ask, heard: () => number, lost: () => void, over: AbortSignal): Promise<void> {
  let known = 0;
  while (!over.aborted) {
    const silent = Date.now() - Math.max(known, heard());
    if (silent < ask.quietMs) {
      await pause(ask.quietMs - silent, over).catch(() => {});
      continue;
    }
    const asked = Date.now();
    try {
      await ask.alive();
    } catch (error) {
      // A refusal is an answer; what stands before a server that is gone answers with 5xx.
      const answered = error instanceof EmitError && error.status > 0 && error.status < 500;
      if (!answered && heard() < asked) return lost();
    }
    known = Date.now();
  }
}

async function* overEvents(http: Http, ask: Ask): AsyncGenerator<string, Closed, void> {
  const headers = { accept: "text/event-stream" };
  const late = new AbortController();
  const opening = setTimeout(() => late.abort(new EmitError("connection", 0, "the stream could not be opened")), ANSWER_MS);
  const signal = AbortSignal.any([ask.signal, late.signal]);
  const answer = await http.open("GET", ask.path, { query: ask.query, headers, signal }).finally(() => clearTimeout(opening));
  if (answer.status === 204 || !answer.body) return { code: 1000, reason: "over" };
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) throw unexpected(answer.status, await answer.text().catch(() => ""));
  ask.opened();
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let silence: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      silence = setTimeout(() => void reader.cancel().catch(() => {}), SILENT_MS);
      const { done, value } = await reader.read();
      clearTimeout(silence);
      if (done) return { code: 1006, reason: "" };
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
    }
  } catch (error) {
    if (error instanceof EmitError) throw error;
    return { code: 1006, reason: String(error) };
  } finally {
    clearTimeout(silence);
    await reader.cancel().catch(() => {});
  }
}
