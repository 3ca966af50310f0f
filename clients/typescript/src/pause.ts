// Waiting that can be ended, and how long to wait between tries.

/** The longest that a timer waits: above it, it does not wait at all. */
const TIMER_MAX = 2 ** 31 - 1;

/** Resolves after that time; rejects at once when the signal aborts. */
export function pause(ms: number, signal?: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const ended = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", ended);
      resolve();
    }, Math.min(ms, TIMER_MAX));
    signal?.addEventListener("abort", ended, { once: true });
  });
}

/** Aborts with that signal, or after that time. */
export const within = (ms: number, signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(ms)]);

/** The longest that a server may ask to wait, in seconds. */
const ASKED_MAX = 30;

/**
 * Milliseconds before try number `n` (from 0): doubling from 200 ms to 10 s, with jitter so that a crowd spreads, but at
 * least the seconds that the server asked for.
 */
export const backoff = (n: number, asked = 0): number =>
  Math.max(Math.min(10_000, 200 * 2 ** n) * (0.5 + Math.random() / 2), Math.min(ASKED_MAX, asked) * 1_000);
