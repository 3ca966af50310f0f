// Requeue or kill: those that were picked, or all that the search means. What will happen is counted before it does, and
// can be stopped while it does.
import { useRef, useState } from "react";
import { RotateCcw, Skull } from "lucide-react";
import { emit } from "../../api.ts";
import { count } from "../../lib/format.ts";
import { Button, ErrorNotice, Waiting } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { say } from "../../ui/toast.tsx";
import { each, GO_MAX, matching, type Preview, previewOf, type Target, type What } from "./bulk-targets.ts";

interface Run {
  what: What;
  all: boolean;
  preview?: Preview;
  error?: unknown;
  /** How many are done, once it goes. */
  done?: number;
}

const DONE = { requeue: "requeued", kill: "killed" };

export function BulkBar({ picked, space, q, onDone, onClear }: {
  picked: Target[]; space: string; q: string; onDone: () => void; onClear: () => void;
}) {
  const [run, setRun] = useState<Run>();
  const stop = useRef(new AbortController());
  const more = (what: Partial<Run>) => setRun((old) => old && { ...old, ...what });
  // Closing the dialog stops what is going on in it: nothing goes on unseen.
  const close = () => {
    stop.current.abort();
    setRun(undefined);
  };
  const ask = async (what: What, all: boolean) => {
    const { signal } = (stop.current = new AbortController());
    setRun({ what, all, ...(!all && { preview: previewOf(what, picked, false) }) });
    if (!all) return;
    try {
      const preview = await matching(what, space, q, signal);
      if (!signal.aborted) more({ preview });
    } catch (error) {
      if (!signal.aborted) more({ error });
    }
  };
  const go = async ({ what, preview }: Run) => {
    if (!preview) return;
    const { signal } = stop.current;
    let done = 0;
    more({ done });
    const failed = await each(preview.targets, signal, async ({ id }) => {
      await (what === "requeue" ? emit().jobs.requeue(id) : emit().jobs.kill(id, "from the dashboard"));
      more({ done: ++done });
    });
    const left = preview.targets.length - done - failed.length;
    const words = [`${count(done)} ${DONE[what]}`, failed.length > 0 && `${count(failed.length)} not: ${failed[0]}`, left > 0 && `stopped before the other ${count(left)}`];
    say(words.filter(Boolean).join(", "), failed.length > 0 ? "bad" : "good");
    if (!signal.aborted) setRun(undefined);
    onDone();
  };
  return (
    <div className="mb-3 flex min-h-8 flex-wrap items-center gap-2">
      <span className="font-medium" role="status">{picked.length > 0 ? `${count(picked.length)} selected` : "All that match"}</span>
      <Button icon={RotateCcw} onClick={() => ask("requeue", picked.length === 0)}>Requeue…</Button>
      <Button look="bad" icon={Skull} onClick={() => ask("kill", picked.length === 0)}>Kill…</Button>
      {picked.length > 0 && <Button look="quiet" onClick={onClear}>Clear the selection</Button>}
      <Dialog open={run !== undefined} onClose={close} title={`${run?.what === "requeue" ? "Requeue" : "Kill"} ${run?.all ? "all that match" : "the selection"}`}>
        {run && (run.error !== undefined ? <ErrorNotice error={run.error} /> : !run.preview ? <Waiting rows={2} /> : <Ask run={run} preview={run.preview} onGo={() => go(run)} onClose={close} />)}
      </Dialog>
    </div>
  );
}

function Ask({ run: { what, done }, preview: { targets, left, more, total }, onGo, onClose }: {
  run: Run; preview: Preview; onGo: () => void; onClose: () => void;
}) {
  const verb = what === "requeue" ? "Requeue" : "Kill";
  return (
    <div className="space-y-4">
      <p><strong data-preview className="text-lg tabular-nums">{count(targets.length)}</strong> {targets.length === 1 ? "job" : "jobs"} will be {what === "requeue" ? "requeued: a new life, from the first attempt, with their last checkpoint" : "killed: they end without a result, and their workers are told"}.</p>
      {left > 0 && <p className="text-soft">{count(left)} more {left === 1 ? "is" : "are"} left alone: {what === "requeue" ? "they have not ended" : "they have ended already"}.</p>}
      {more && <p className="text-soft">{total === undefined ? `More than ${count(targets.length)} match` : `${count(total)} match in all`}: at most {count(GO_MAX)} are done in one go, the newest first.</p>}
      {done !== undefined && <progress className="w-full accent-(--accent)" max={targets.length} value={done} aria-label="Done so far" />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{done === undefined ? "Cancel" : "Stop"}</Button>
        <Button look={what === "kill" ? "bad" : "main"} disabled={targets.length === 0 || done !== undefined} onClick={onGo}>{verb} {count(targets.length)}</Button>
      </div>
    </div>
  );
}
