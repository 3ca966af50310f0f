// Which jobs an action for many means, and how it is done to them.
import { isEnd, type JobStatus, STATUSES } from "emit-client";
import { emit } from "../../api.ts";

/** Jobs of one go: enough for a slip, few enough to be taken back. */
export const GO_MAX = 1_000;
/** Calls at the same time: a browser opens six connections to a server. */
const LANES = 6;

export type What = "requeue" | "kill";

export interface Target {
  id: string;
  status: JobStatus;
}

export interface Preview {
  targets: Target[];
  /** Those that match and cannot be acted on. */
  left: number;
  /** Others match beyond these. */
  more: boolean;
  /** How many match in all, where the server knows. */
  total?: number;
}

const fits = (what: What, status: JobStatus) => (what === "requeue" ? isEnd(status) : !isEnd(status));

export function previewOf(what: What, all: Target[], more: boolean): Preview {
  const targets = all.filter(({ status }) => fits(what, status));
  return { targets: targets.slice(0, GO_MAX), left: all.length - targets.length, more: more || targets.length > GO_MAX };
}

/** Looks through the search's pages until there is enough for one go. */
export async function matching(what: What, space: string, q: string, signal: AbortSignal): Promise<Preview> {
  const found: Target[] = [];
  let cursor: string | undefined;
  do {
    const page = await emit().jobs.list({ space, q, limit: 100, cursor, signal });
    found.push(...page.jobs.map(({ id, status }) => ({ id, status })));
    cursor = page.cursor;
  } while (cursor !== undefined && found.filter(({ status }) => fits(what, status)).length < GO_MAX && found.length < 10 * GO_MAX);
  const preview = previewOf(what, found, cursor !== undefined);
  // Only a status alone is counted; anything else would have to be looked through.
  const status = STATUSES.find((one) => q.trim() === `status:${one}`);
  return preview.more && status ? { ...preview, total: (await emit().spaces.counts(space, { signal })).counts[status] } : preview;
}

/** A few at a time, until it is stopped; what failed is told at the end. */
export async function each<T>(items: T[], signal: AbortSignal, act: (item: T) => Promise<void>): Promise<string[]> {
  const failed: string[] = [];
  const rest = items.values();
  const lane = async () => {
    for (const item of rest) {
      if (signal.aborted) return;
      await act(item).catch((error: Error) => failed.push(error.message));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return failed;
}
