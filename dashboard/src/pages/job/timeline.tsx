// The attempts of a job on one axis of time: how long each waited, was delivered, ran.
import { isEnd, type Job, type JobEvent } from "emit-client";
import { useEffect, useState } from "react";
import { attemptsOf, type Phase, stepsOf } from "../../lib/attempts.ts";
import { clockTime, duration } from "../../lib/format.ts";
import { cx } from "../../ui/basics.tsx";

const LOOKS: Record<Phase, string> = {
  scheduled: "bg-violet-mark/60",
  waiting: "bg-calm-mark/50",
  delivered: "bg-warn-mark",
  running: "bg-accent",
};

export function Timeline({ job, steps }: { job: Job; steps: JobEvent[] }) {
  const [now, setNow] = useState(Date.now);
  const running = !isEnd(job.status);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [running]);
  const attempts = attemptsOf(stepsOf(job, steps), now, job.attemptNumber);
  if (attempts.length === 0) return null;
  const begin = attempts[0]!.stretches[0]!.from;
  const end = Math.max(begin + 1, attempts.at(-1)!.stretches.at(-1)!.to);
  const share = (ms: number) => `${(100 * ms) / (end - begin)}%`;
  return (
    <div>
      <ol className="space-y-1.5">
        {attempts.map((attempt, at) => (
          <li key={at} className="grid grid-cols-[5.5rem_minmax(0,1fr)] items-center gap-3 sm:grid-cols-[5.5rem_minmax(0,1fr)_minmax(7rem,14rem)]">
            <span className="text-soft">Attempt {attempt.number + 1}</span>
            <span className="relative block h-6 overflow-hidden rounded bg-sunken" role="img" aria-label={attempt.stretches.map(({ phase, from, to }) => `${phase} ${duration((to - from) / 1_000)}`).join(", ")}>
              {attempt.stretches.map((stretch, index) => (
                <span key={index} title={`${stretch.phase} ${duration((stretch.to - stretch.from) / 1_000)}`}
                  className={cx("absolute inset-y-0 min-w-[2px]", LOOKS[stretch.phase], stretch.open && "animate-[breathe_1.6s_ease-in-out_infinite]")}
                  style={{ left: share(stretch.from - begin), width: share(stretch.to - stretch.from) }} />
              ))}
            </span>
            <span className={cx("col-start-2 truncate sm:col-start-3", attempt.error ? "text-bad" : "text-soft")} title={attempt.error}>{attempt.error ?? attempt.end ?? attempt.stretches.at(-1)!.phase}</span>
          </li>
        ))}
      </ol>
      <div className="mt-2 grid grid-cols-[5.5rem_minmax(0,1fr)] gap-3 text-soft text-xs sm:grid-cols-[5.5rem_minmax(0,1fr)_minmax(7rem,14rem)]">
        <span />
        <span className="flex justify-between tabular-nums"><span>{clockTime(new Date(begin).toISOString())}</span><span>+{duration((end - begin) / 1_000)}</span></span>
      </div>
      <ul className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-soft text-xs">
        {(Object.keys(LOOKS) as Phase[]).filter((phase) => attempts.some(({ stretches }) => stretches.some((one) => one.phase === phase))).map((phase) => (
          <li key={phase} className="flex items-center gap-1.5"><span aria-hidden className={cx("size-2.5 rounded-sm", LOOKS[phase])} />{phase}</li>
        ))}
      </ul>
    </div>
  );
}
