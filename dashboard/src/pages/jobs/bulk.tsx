// Requeue or kill: those that were picked, or all that the search means. What will happen is counted before it does.
import { useState } from "react";
import { isEnd, type JobStatus } from "emit-client";
import { RotateCcw, Skull } from "lucide-react";
import { emit } from "../../api.ts";
import { count } from "../../lib/format.ts";
import { Button, ErrorNotice, Waiting } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { say } from "../../ui/toast.tsx";

/** Jobs of one go: enough for a slip, few enough to be taken back. */
const GO_MAX = 1_000;
/** Calls at the same time: a browser opens six connections to a server. */
const LANES = 6;

export type What = "requeue" | "kill";

export interface Target {
  id: string;
  status: JobStatus;
}

const fits = (what: What, status: JobStatus) => (what === "requeue" ? isEnd(status) : !isEnd(status));

interface Preview {
  targets: Target[];
  left: number;
  more: boolean;
}

export function BulkBar({ picked, space, q, onDone, onClear }: {
  picked: Target[]; space: string; q: string; onDone: () => void; onClear: () => void;
}) {
  const [asked, setAsked] = useState<{ what: What; all: boolean }>();
  const [preview, setPreview] = useState<Preview>();
  const [error, setError] = useState<unknown>();
  const [done, setDone] = useState<number>();

  const ask = async (what: What, all: boolean) => {
    setAsked({ what, all });
    setPreview(undefined);
    setError(undefined);
    setDone(undefined);
    if (!all) return setPreview(previewOf(what, picked, false));
    try {
      setPreview(await matching(what, space, q));
    } catch (error) {
      setError(error);
    }
  };
  const go = async () => {
    if (!asked || !preview) return;
    setDone(0);
    const failed = await each(preview.targets, async ({ id }) => {
      await (asked.what === "requeue" ? emit().jobs.requeue(id) : emit().jobs.kill(id, "from the dashboard"));
      setDone((value) => (value ?? 0) + 1);
    });
    const word = asked.what === "requeue" ? "requeued" : "killed";
    say(`${count(preview.targets.length - failed.length)} ${word}${failed.length ? `, ${count(failed.length)} not: ${failed[0]}` : ""}`, failed.length ? "bad" : "good");
    setAsked(undefined);
    onDone();
  };
  const verb = asked?.what === "requeue" ? "Requeue" : "Kill";
  return (
    <div className="mb-3 flex min-h-8 flex-wrap items-center gap-2">
      <span className="font-medium" role="status">{picked.length > 0 ? `${count(picked.length)} selected` : "All that match"}</span>
      <Button icon={RotateCcw} onClick={() => ask("requeue", picked.length === 0)}>Requeue…</Button>
      <Button look="bad" icon={Skull} onClick={() => ask("kill", picked.length === 0)}>Kill…</Button>
      {picked.length > 0 && <Button look="quiet" onClick={onClear}>Clear the selection</Button>}
      <Dialog open={asked !== undefined} onClose={() => setAsked(undefined)} title={`${verb} ${asked?.all ? "all that match" : "the selection"}`}>
        {error !== undefined ? <ErrorNotice error={error} /> : !preview ? <Waiting rows={2} /> : (
          <div className="space-y-4">
            <p><strong data-preview className="text-lg tabular-nums">{count(preview.targets.length)}</strong> {preview.targets.length === 1 ? "job" : "jobs"} will be {asked?.what === "requeue" ? "requeued: a new life, from the first attempt, with their last checkpoint" : "killed: they end without a result, and their workers are told"}.</p>
            {preview.left > 0 && <p className="text-soft">{count(preview.left)} more {preview.left === 1 ? "is" : "are"} left alone: {asked?.what === "requeue" ? "they have not ended" : "they have ended already"}.</p>}
            {preview.more && <p className="text-soft">More match. At most {count(GO_MAX)} are done in one go; the newest come first.</p>}
            {done !== undefined && <progress className="w-full accent-(--accent)" max={preview.targets.length} value={done} aria-label="Done so far" />}
            <div className="flex justify-end gap-2">
              <Button onClick={() => setAsked(undefined)}>Cancel</Button>
              <Button look={asked?.what === "kill" ? "bad" : "main"} disabled={preview.targets.length === 0 || done !== undefined} onClick={go}>{verb} {count(preview.targets.length)}</Button>
            </div>
          </div>
        )}
      </Dialog>
    </div>
  );
}

function previewOf(what: What, all: Target[], more: boolean): Preview {
  const targets = all.filter(({ status }) => fits(what, status));
  return { targets: targets.slice(0, GO_MAX), left: all.length - targets.length, more: more || targets.length > GO_MAX };
}

/** Looks through the search's pages until there is enough for one go. */
async function matching(what: What, space: string, q: string): Promise<Preview> {
  const found: Target[] = [];
  let cursor: string | undefined;
  do {
    const page = await emit().jobs.list({ space, q, limit: 100, cursor });
    found.push(...page.jobs.map(({ id, status }) => ({ id, status })));
    cursor = page.cursor;
  } while (cursor !== undefined && found.filter(({ status }) => fits(what, status)).length < GO_MAX && found.length < 10 * GO_MAX);
  return previewOf(what, found, cursor !== undefined);
}

/** A few at a time; what failed is told at the end. */
async function each<T>(items: T[], act: (item: T) => Promise<void>): Promise<string[]> {
  const failed: string[] = [];
  const rest = items.values();
  const lane = async () => {
    for (const item of rest) await act(item).catch((error: Error) => failed.push(error.message));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return failed;
}
