// A job's log lines on their way: each made fit for itself, sent together, and none lost without a word.
import type { JsonObject, LogLevel } from "../types.ts";
import { inHalves } from "./halves.ts";
import { textOf, writable } from "./text.ts";

/** Lines of one report: the contract's limit. */
const LINES_MAX = 1_000;
/** Bytes of a line's message and fields together: the contract's limit. */
const LINE_BYTES_MAX = 8 * 1_024;
/** Bytes that a message keeps beside fields that are long. */
const MESSAGE_BYTES_MIN = 1_024;
/** Bytes of one report's lines: the contract's limit of a body, and room for what stands around them. */
const REPORT_BYTES_MAX = 950_000;

const ENCODER = new TextEncoder();
const bytesOf = (text: string): number => ENCODER.encode(text).length;

interface Line {
  value: object;
  bytes: number;
}

export class Log {
  readonly #send: (lines: object[]) => Promise<void>;
  /** Told of what could not be logged. */
  readonly #lost: (error: unknown) => void;
  #lines: Line[] = [];
  #sending: Promise<void> | undefined;

  constructor(send: (lines: object[]) => Promise<void>, lost: (error: unknown) => void) {
    this.#send = send;
    this.#lost = lost;
  }

  /** Never throws: what is wrong with a line is told to `lost`. */
  add(level: LogLevel, message: string, fields?: JsonObject): void {
    const timestamp = new Date().toISOString();
    const text = writable(textOf(message));
    let room = LINE_BYTES_MAX;
    let more: { fields?: unknown } = {};
    try {
      const json = fields && JSON.stringify(fields, (_, value) => (typeof value === "string" ? writable(value) : value));
      if (json) {
        room -= bytesOf(json);
        if (room < Math.min(bytesOf(text), MESSAGE_BYTES_MIN)) throw new RangeError("too long");
        more = { fields: JSON.parse(json) };
      }
    } catch (cause) {
      room = LINE_BYTES_MAX;
      this.#lost(new Error(`fields of a log line were left out: ${textOf(cause)}`, { cause }));
    }
    const value = { level, message: cutBytes(text, room), timestamp, ...more };
    this.#lines.push({ value, bytes: bytesOf(JSON.stringify(value)) + 1 });
    this.#sending ??= this.#deliverAll();
  }

  /** Resolves when nothing is on its way any more. */
  async sent(): Promise<void> {
    await this.#sending;
  }

  async #deliverAll(): Promise<void> {
    // What is logged in the same turn goes along.
    await Promise.resolve();
    while (this.#lines.length > 0) {
      let bytes = 0;
      const fits = this.#lines.findIndex((line) => (bytes += line.bytes) > REPORT_BYTES_MAX);
      await this.#deliver(this.#lines.splice(0, Math.min(LINES_MAX, fits < 0 ? this.#lines.length : fits)));
    }
    // In the same turn as the look at the lines, so that none is left behind.
    this.#sending = undefined;
  }

  async #deliver(lines: Line[]): Promise<void> {
    try {
      await this.#send(lines.map(({ value }) => value));
    } catch (error) {
      if (!(await inHalves(lines, error, (half) => this.#deliver(half)))) this.#lost(error);
    }
  }
}

/** A text of at most so many bytes; one that was cut ends with `…`. */
function cutBytes(text: string, max: number): string {
  if (bytesOf(text) <= max) return text;
  const { read } = ENCODER.encodeInto(text, new Uint8Array(max - bytesOf("…")));
  return `${text.slice(0, read)}…`;
}
