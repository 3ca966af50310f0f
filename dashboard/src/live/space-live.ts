// The one stream of the space that is looked at, outside React: at 5,000 events a second nothing may be rendered an event.
// Whoever shows something of it is called at most once a frame, and not at all while the page is hidden.
import type { Connection, Emit, Gap, JobEvent, SpaceMessage } from "emit-client";

/** Events that are kept to scroll back in. */
export const RING_MAX = 5_000;
/** Events from before the page was opened. */
const BEFORE = 200;

export class SpaceLive {
  readonly space: string;
  /** A ring: `at(0)` is the newest. */
  readonly #events: (JobEvent | Gap)[] = new Array(RING_MAX);
  /** All that ever came. */
  total = 0;
  /** Events up to this number were before the page was opened. */
  begin = 0;
  connection: Connection = { state: "connecting" };
  error: Error | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #painting = false;
  /** Events since the last paint, for those who follow single jobs. */
  fresh: JobEvent[] = [];

  constructor(emit: Emit, space: string) {
    this.space = space;
    const onConnection = (connection: Connection) => {
      this.connection = connection;
      this.#paintSoon();
    };
    (async () => {
      // With a few that were before, so that a quiet space shows what happened last.
      const { seq } = await emit.spaces.counts(space, { signal: this.#stop.signal, retries: Infinity });
      this.begin = seq;
      const since = Math.max(0, seq - BEFORE);
      for await (const message of emit.spaces.watch(space, { since, signal: this.#stop.signal, onConnection })) {
        // That of those before some are no longer kept is no news.
        if (message.type !== "gap" || this.total > 0) this.#take(message);
      }
    })().catch((error: Error) => {
      if (this.#stop.signal.aborted) return;
      this.error = error;
      this.connection = { state: "ended" };
      this.#paintSoon();
    });
  }

  #take(message: SpaceMessage): void {
    this.#events[this.total++ % RING_MAX] = message;
    if (message.type !== "gap" && this.fresh.length < RING_MAX) this.fresh.push(message);
    this.#paintSoon();
  }

  #paintSoon(): void {
    if (this.#painting) return;
    this.#painting = true;
    // A hidden page gets no frames: whatever came by then is painted at once when it is seen again.
    requestAnimationFrame(() => {
      this.#painting = false;
      for (const listener of this.#listeners) listener();
      this.fresh = [];
    });
  }

  get length(): number {
    return Math.min(this.total, RING_MAX);
  }

  /** The event that came `back` events before `total` had this value. */
  at(back: number, total = this.total): JobEvent | Gap | undefined {
    const number = total - 1 - back;
    return number < 0 || number < this.total - RING_MAX ? undefined : this.#events[number % RING_MAX];
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  close(): void {
    this.#stop.abort();
  }
}
