// What a job's events say of each of its attempts: how long it waited, was delivered, ran.
import { isEnd, type Job, type JobEvent } from "emit-client";

export type Phase = "scheduled" | "waiting" | "delivered" | "running";

interface Stretch {
  phase: Phase;
  from: number;
  to: number;
  open: boolean;
}

export interface Attempt {
  number: number;
  stretches: Stretch[];
  end: string | undefined;
  error: string | undefined;
}

export type Step = Pick<JobEvent, "type" | "status" | "timestamp"> & { data?: any };

/** The steps, oldest first; where the oldest are no longer kept, what the job itself still knows stands for them. */
export function stepsOf(job: Job, events: Step[]): Step[] {
  const known: [Step["type"], Step["status"], string | null | undefined][] = [
    ["created", job.scheduledFor && job.status === "scheduled" ? "scheduled" : "pending", job.createdAt],
    ["delivered", "delivered", job.deliveredAt],
    ["acked", "running", job.startedAt],
    ...(isEnd(job.status) ? [[job.status, job.status, job.completedAt] as [Step["type"], Step["status"], string | null | undefined]] : []),
  ];
  const first = events[0] ? Date.parse(events[0].timestamp) : Number.POSITIVE_INFINITY;
  const lost = known.filter(([type, , time]) => time && Date.parse(time) <= first && !events.some((event) => event.type === type));
  const steps = lost.map(([type, status, time]): Step => ({ type, status, timestamp: time!, data: type === job.status ? job.result : undefined }));
  return [...steps, ...events];
}

export function attemptsOf(steps: Step[], now: number, latest = 0): Attempt[] {
  const attempts: Attempt[] = [];
  let phase: { name: Phase; from: number } | undefined;
  // The first that is seen need not be the job's first: the next retry tells its number, else the job.
  const next = steps.find(({ type }) => type === "retried" || type === "requeued");
  const first = next ? (next.type === "retried" ? (next.data?.attemptNumber ?? 1) - 1 : 0) : latest;
  const attempt = () => attempts.at(-1) ?? attempts[attempts.push({ number: first, stretches: [], end: undefined, error: undefined }) - 1]!;
  const close = (at: number, open = false) => {
    if (phase) attempt().stretches.push({ phase: phase.name, from: phase.from, to: at, open });
    phase = undefined;
  };
  const enter = (name: Phase, at: number) => {
    close(at);
    phase = { name, from: at };
  };
  for (const event of steps) {
    const at = Date.parse(event.timestamp);
    if (event.type === "created") (attempt(), enter(event.status === "scheduled" ? "scheduled" : "waiting", at));
    else if (event.type === "enqueued" || event.type === "released" || event.type === "delivery_timeout") enter("waiting", at);
    else if (event.type === "delivered") enter("delivered", at);
    else if (event.type === "acked") enter("running", at);
    else if (event.type === "retried" || event.type === "requeued") {
      close(at);
      const number = event.type === "requeued" ? 0 : (event.data?.attemptNumber ?? attempts.length);
      if (event.type === "retried") Object.assign(attempt(), { end: "failed", error: event.data?.error });
      attempts.push({ number, stretches: [], end: undefined, error: undefined });
      phase = { name: "waiting", from: at };
    } else if (isEnd(event.type)) {
      close(at);
      Object.assign(attempt(), { end: event.type, error: event.data?.error ?? event.data?.reason ?? undefined });
    }
  }
  if (phase) close(Math.max(now, phase.from), true);
  return attempts.filter(({ stretches }) => stretches.length > 0);
}
