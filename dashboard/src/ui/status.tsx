// A job's status: a mark and a word, never a colour alone.
import type { JobStatus } from "emit-client";
import { cx } from "./basics.tsx";

const MARKS: Record<JobStatus, string> = {
  scheduled: "bg-violet-mark",
  pending: "bg-calm-mark",
  delivered: "bg-warn-mark",
  running: "bg-accent animate-[breathe_1.6s_ease-in-out_infinite]",
  completed: "bg-good-mark",
  dead: "bg-bad-mark",
  killed: "bg-calm-mark ring-1 ring-bad-mark ring-inset",
};

export const statusMark = (status: JobStatus): string => MARKS[status];

export function Status({ status, className }: { status: JobStatus; className?: string }) {
  return (
    <span className={cx("inline-flex items-center gap-1.5 whitespace-nowrap", className)}>
      <span aria-hidden className={cx("size-2 shrink-0 rounded-full", MARKS[status])} />
      {status}
    </span>
  );
}
