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
  /** Holes so far, and times at which the space's numbers began anew. */
  gaps = 0;
  connection: Connection = { state: "connecting" };
  error: Error | undefined;
  /** What came after this number is in the ring; unknown until the stream has begun. */
  #from: number | undefined;
  /** The newest hole's place among all that came. */
  #gapAt = -1;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #painting = false;

  constructor(emit: Emit, space: string) {
    this.space = space;
    const onConnection = (connection: Connection) => {
      this.connection = connection;
      this.#paintSoon();
    };
    (async () => {
      // With a few that were before, so that a quiet space shows what happened last.
      const { seq } = await emit.spaces.counts(space, { signal: this.#stop.signal, retries: Infinity });
      const since = (this.#from = Math.max(0, seq - BEFORE));
      for await (const message of emit.spaces.watch(space, { since, signal: this.#stop.signal, onConnection })) this.#take(message);
    })().catch((error: Error) => {
      if (this.#stop.signal.aborted) return;
      this.error = error;
      this.connection = { state: "ended" };
      this.#paintSoon();
    });
  }

  #take(message: SpaceMessage): void {
    if (message.type === "gap") {
      this.#from = message.seq;
      // That of those before some are no longer kept is no news.
      if (this.total === 0 && message.data.reason === "retention") return;
      this.gaps++;
      this.#gapAt = this.total;
    }
    const place = this.total % RING_MAX;
    // Behind a hole there may be numbers of another count.
    if (this.total - RING_MAX > this.#gapAt) this.#from = this.#events[place]!.seq;
    this.#events[place] = message;
    this.total++;
    this.#paintSoon();
  }

  #paintSoon(): void {
    if (this.#painting) return;
    this.#painting = true;
    // A hidden page gets no frames: whatever came by then is painted at once when it is seen again.
    requestAnimationFrame(() => {
      this.#painting = false;
      for (const listener of this.#listeners) listener();
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

  get begun(): boolean {
    return this.#from !== undefined;
  }

  /** The number up to which all has come. */
  get newest(): number {
    const newest = this.at(0);
    return newest && newest.type !== "gap" ? newest.seq : (this.#from ?? 0);
  }

  /** What came after this number, oldest first; nothing where some of it is not here. */
  after(seq: number): JobEvent[] | undefined {
    if (this.#from === undefined || seq < this.#from) return undefined;
    const events: JobEvent[] = [];
    for (let back = 0; back < this.length; back++) {
      const event = this.at(back)!;
      if (event.type === "gap" || event.seq <= seq) break;
      events.push(event);
    }
    return events.reverse();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  close(): void {
    this.#stop.abort();
  }
}
