// A job's older events. The server pages forward only, so they are read from the first one on.
import type { JobEvent } from "emit-client";
import { emit } from "../../api.ts";

const PAGE = 1_000;
/** A job that reports every second for hours is not read back whole unasked. */
const PAGES_MAX = 20;

/** The events of before `seq` that are kept; not `whole`: the first of them only, with a hole up to `seq`. */
export async function eventsBefore(id: string, seq: number, signal: AbortSignal): Promise<{ events: JobEvent[]; whole: boolean }> {
  const events: JobEvent[] = [];
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const { items, more } = await emit().jobs.events(id, { after: events.at(-1)?.seq ?? 0, limit: PAGE, signal });
    const older = items.filter((event) => event.seq < seq);
    events.push(...older);
    if (!more || older.length < items.length) return { events, whole: true };
  }
  return { events, whole: false };
}
