// One way to make a call: headers, bodies, errors, and tries again where the contract makes them safe.
import { EmitError, errorOf, unexpected } from "./errors.ts";
import { backoff, pause } from "./pause.ts";

/**
 * When a call may be sent again.
 * `always`: doing it twice is the same as once. `refused`: only when the server says that nothing was kept.
 * `never`: the caller tries again by himself.
 */
export type Repeat = "always" | "refused" | "never";

export interface CallOptions {
  query?: Record<string, string | number | boolean | undefined>;
  /** Text is sent as it is, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  repeat?: Repeat;
  /** How often it is tried again; else as often as the client tries. */
  retries?: number;
  signal?: AbortSignal | undefined;
}

export interface EmitOptions {
  /** Where the server is, with or without a slash at the end; in a browser a path is enough. */
  url: string;
  /** A key. Left out where the page's own server adds one. */
  token?: string | undefined;
  /** The space that calls mean which name none; else the one the key is bound to. */
  space?: string | undefined;
  /** How often a call that may be repeated is tried again; 4 by default. */
  retries?: number;
  fetch?: typeof fetch;
}

export interface Answer<T> {
  value: T;
  headers: Headers;
}

const ADDRESS = /^(https?:\/\/.|\/|$)/i;

/** Whether a text may be a key: one word of printable ASCII, since an operator may choose one. */
export const isToken = (text: string): boolean => /^[!-~]+$/.test(text);

export class Http {
  readonly base: string;
  readonly token: string | undefined;
  readonly #retries: number;
  readonly #fetch: typeof fetch;

  constructor(options: EmitOptions) {
    if (!ADDRESS.test(options.url)) throw new TypeError(`no address of a server, such as https://jobs.example.com: ${JSON.stringify(options.url)}`);
    // Its text is a secret, and is not repeated.
    if (options.token !== undefined && !isToken(options.token)) throw new TypeError("no key: it is empty, or has a space, a line break or such in it");
    this.base = `${options.url.replace(/\/+$/, "")}/api/v1`;
    this.token = options.token;
    this.#retries = options.retries ?? 4;
    this.#fetch = options.fetch ?? ((...call) => fetch(...call));
  }

  /** The answer's JSON. */
  async call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    return (await this.answer<T>(method, path, options)).value;
  }

  /** The answer's JSON and its headers. */
  async answer<T>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
    // Made once: under an idempotency key a repeated body must have the same bytes.
    const body = options.body === undefined || typeof options.body === "string" ? options.body : JSON.stringify(options.body);
    const repeat = options.repeat ?? (method === "GET" ? "always" : "refused");
    for (let tries = 0; ; tries++) {
      try {
        const answer = await this.open(method, path, { ...options, body });
        const text = await this.#whole(answer);
        return { value: (text ? valueOf(text, answer) : undefined) as T, headers: answer.headers };
      } catch (error) {
        const again = error instanceof EmitError && repeat !== "never" && (error.refused || (repeat === "always" && error.ambiguous));
        if (!again || tries >= (options.retries ?? this.#retries) || options.signal?.aborted) throw error;
        await pause(backoff(tries, error.retryAfter), options.signal);
      }
    }
  }

  /** One request, as it is answered. Throws on problems and on silence. */
  async open(method: string, path: string, options: CallOptions & { body?: string | undefined } = {}): Promise<Response> {
    const headers: Record<string, string> = { ...options.headers };
    if (this.token) headers["x-api-key"] = this.token;
    if (options.body !== undefined) headers["content-type"] = "application/json";
    let answer: Response;
    try {
      answer = await this.#fetch(this.base + path + queryOf(options.query), {
        method, headers, body: options.body ?? null, signal: options.signal ?? null, cache: "no-store", credentials: "omit",
      });
    } catch (cause) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw new EmitError("connection", 0, "the server cannot be reached", { cause });
    }
    if (!answer.ok) throw await errorOf(answer);
    return answer;
  }

  async #whole(answer: Response): Promise<string> {
    try {
      return await answer.text();
    } catch (cause) {
      throw new EmitError("connection", 0, "the answer broke off", { cause });
    }
  }
}

function valueOf(text: string, answer: Response): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unexpected(answer.status, text, cause);
  }
}

function queryOf(query: CallOptions["query"]): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}` : "";
}

/** An address below the API's, such as path`/jobs/${id}`: whatever is filled in stays one part of it, and leads nowhere else. */
export const path = (fixed: TemplateStringsArray, ...parts: string[]): string =>
  String.raw({ raw: fixed }, ...parts.map(partOf));

function partOf(part: string): string {
  // Dots alone lead elsewhere however they are written, and nothing at all to the folder above.
  if (typeof part !== "string" || /^\.{0,2}$/.test(part)) throw new TypeError(`no id: ${JSON.stringify(part)}`);
  return encodeURIComponent(part);
}

/** A fresh idempotency key. `getRandomValues` is there on plain http too, `randomUUID` is not. */
export function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The cursor or `after` of a `Link: rel="next"`. */
export function nextOf(headers: Headers, parameter: string): string | undefined {
  const link = /<([^>]*)>;\s*rel="next"/.exec(headers.get("link") ?? "")?.[1];
  return link === undefined ? undefined : (new URL(link, "http://x").searchParams.get(parameter) ?? undefined);
}

/** The position that an answer's state contains. */
export const seqOf = (headers: Headers): number => Number(headers.get("x-emit-seq") ?? 0);
