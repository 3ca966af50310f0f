// One job: what it is, where it stands, what has happened to it, and what can be done about it.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { isEnd, type Job } from "emit-client";
import { CopyPlus, RotateCcw, Share2, Skull } from "lucide-react";
import { type ReactNode, useState } from "react";
import { emit, jobOf, queries, type ReadJob } from "../../api.ts";
import { dateTime, duration } from "../../lib/format.ts";
import { isId } from "../../lib/ids.ts";
import { useConnectionState } from "../../live/live.tsx";
import { Nothing } from "../../shell/nothing.tsx";
import { useMay } from "../../session.ts";
import { Button, Card, CopyButton, cx, ErrorNotice, Field, Input, Notice, PageTitle, Waiting } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Json } from "../../ui/json.tsx";
import { Status } from "../../ui/status.tsx";
import { say, sayError } from "../../ui/toast.tsx";
import { CreateJob } from "./create.tsx";
import { Events } from "./events.tsx";
import { Logs } from "./logs.tsx";
import { Progress } from "./progress.tsx";
import { Share } from "./share.tsx";
import { Timeline } from "./timeline.tsx";
import { type JobFeed, useJobFeed } from "./use-job-feed.ts";

export function JobPage() {
  const { jobId } = useParams({ from: "/inside/jobs/$jobId" });
  return isId(jobId) ? <Asked key={jobId} id={jobId} /> : <Nothing what="job" />;
}

function Asked({ id }: { id: string }) {
  const { data: job, error } = useQuery(jobOf(id));
  const feed = useJobFeed(job);
  if (job) return <Found job={job} feed={feed} />;
  return <><PageTitle>Job</PageTitle>{error ? <ErrorNotice error={error} /> : <Waiting rows={6} />}</>;
}

const TONES = { completed: "good", dead: "bad", killed: "bad" } as const;

function Found({ job, feed }: { job: ReadJob; feed: JobFeed }) {
  const [tab, setTab] = useState<"events" | "logs">("events");
  const reason = textOf(job.status === "dead" ? job.result?.error : job.status === "killed" ? job.result?.reason : undefined);
  return (
    <>
      <PageTitle aside={<Actions job={job} />}>{job.name}</PageTitle>
      <div className="-mt-2 mb-4 flex flex-wrap items-center gap-x-4 gap-y-1">
        <Status status={job.status} className="font-medium" />
        <span className="inline-flex items-center font-mono text-code text-soft">{job.id}<CopyButton text={job.id} label="Copy the id" /></span>
        <JobConnection feed={feed} />
      </div>
      {reason && <div className="mb-4"><Notice tone="bad"><span className="whitespace-pre-wrap break-words font-mono text-code">{reason}</span></Notice></div>}
      <div className="grid gap-4 xl:grid-cols-3">
        <div className="min-w-0 space-y-4 xl:col-span-2">
          {job.progress && <Card title="Progress"><Progress progress={job.progress} tone={TONES[job.status as keyof typeof TONES] ?? "accent"} /></Card>}
          <Card title="Attempts"><Timeline job={job} steps={feed.steps} /></Card>
          <section className="rounded-xl border border-line bg-card">
            <div role="tablist" aria-label="What happened" className="flex gap-1 border-line border-b px-3 pt-2">
              {(["events", "logs"] as const).map((name) => (
                <button key={name} type="button" role="tab" id={`tab-${name}`} aria-controls="tab-panel" aria-selected={tab === name} onClick={() => setTab(name)}
                  className={cx("-mb-px border-b-2 px-3 py-1.5 font-medium", tab === name ? "border-accent" : "border-transparent text-soft hover:text-ink")}>{name === "events" ? "Events" : "Logs"}</button>
              ))}
            </div>
            <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`}>{tab === "events" ? <Events events={feed.events} partial={feed.partial} /> : <Logs id={job.id} events={feed.events} />}</div>
          </section>
        </div>
        <div className="min-w-0 space-y-4">
          {job.status === "completed" && <Card title="Result"><Json text={job.raw.result ?? "null"} /></Card>}
          <Card title="Payload"><Json text={job.raw.payload ?? "null"} /></Card>
          {job.checkpoint && <Card title="Checkpoint"><Json text={job.raw.checkpoint ?? "null"} /></Card>}
          {job.progress && <Card title="Latest progress"><Json text={job.raw.progress ?? "null"} /></Card>}
          <Card title="Details"><Details job={job} /></Card>
        </div>
      </div>
    </>
  );
}

/** A kill's body is anybody's. */
const textOf = (said: unknown) => (said === null || said === undefined || typeof said === "string" ? said : JSON.stringify(said));

function JobConnection({ feed }: { feed: JobFeed }) {
  // Its own stream may be silent for long: that of the space is the first to know that nobody is there.
  const space = useConnectionState();
  const own = feed.connection.state;
  const words = feed.error ? feed.error.message : own === "live" && space === "reconnecting" ? space : own;
  return <span role="status" data-job-connection={words} className="text-soft">{words}</span>;
}

function Details({ job }: { job: Job }) {
  const rows: [string, ReactNode][] = [
    ["Attempt", `${job.attemptNumber + 1} of ${job.maxRetries + 1}`],
    ["Priority", job.priority],
    ["Worker", job.workerId],
    ["Deliveries", job.deliveryCount],
    ["Created", dateTime(job.createdAt)],
    ["Scheduled for", job.scheduledFor && dateTime(job.scheduledFor)],
    ["Available", job.status === "pending" ? dateTime(job.availableAt) : null],
    ["Started", job.startedAt && dateTime(job.startedAt)],
    ["Ended", job.completedAt && dateTime(job.completedAt)],
    ["Times out", job.timeoutAt && dateTime(job.timeoutAt)],
    ["Expires", job.expiresAt && dateTime(job.expiresAt)],
    ["Timeout", duration(job.timeoutSeconds)],
    ["Retries wait", job.retryBackoff && `${job.retryBackoff.strategy}, ${job.retryBackoff.delaySeconds ?? 0} s`],
    ["Idempotency key", job.idempotencyKey && <span className="break-all font-mono text-code">{job.idempotencyKey}</span>],
    ["Callback", job.callbackUrl && <span className="break-all">{job.callbackUrl}</span>],
    ...Object.entries(job.tags ?? {}).map(([key, value]): [string, ReactNode] => [`Tag ${key}`, value]),
  ];
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5">
      {rows.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => (
        <div key={name} className="contents"><dt className="text-soft">{name}</dt><dd className="min-w-0 break-words text-right tabular-nums">{value}</dd></div>
      ))}
    </dl>
  );
}

function Actions({ job }: { job: ReadJob }) {
  const mayDo = useMay();
  const [open, setOpen] = useState<"kill" | "again" | "share">();
  const [reason, setReason] = useState("");
  const close = () => setOpen(undefined);
  const act = async (call: Promise<Job>, done: string) => {
    try {
      await call;
      say(done);
    } catch (error) {
      sayError(error);
    }
    close();
    await queries.invalidateQueries({ queryKey: jobOf(job.id).queryKey });
  };
  return (
    <>
      {mayDo("jobs:create") && <Button icon={Share2} onClick={() => setOpen("share")}>Share</Button>}
      {mayDo("jobs:create") && <Button icon={CopyPlus} onClick={() => setOpen("again")}>Create again</Button>}
      {mayDo("jobs:kill") && isEnd(job.status) && <Button icon={RotateCcw} onClick={() => act(emit().jobs.requeue(job.id), "Requeued")}>Requeue</Button>}
      {mayDo("jobs:kill") && !isEnd(job.status) && <Button look="bad" icon={Skull} onClick={() => setOpen("kill")}>Kill</Button>}
      <Share job={job} open={open === "share"} onClose={close} />
      <CreateJob space={job.spaceId} like={job} open={open === "again"} onClose={close} />
      <Dialog open={open === "kill"} onClose={close} title="Kill this job?">
        <form className="space-y-4" onSubmit={(event) => (event.preventDefault(), act(emit().jobs.kill(job.id, reason || undefined), "Killed"))}>
          <p className="text-soft">It ends without a result. Its worker learns of it with its next report.</p>
          <Field label="Reason" hint="Stands in the job’s last event."><Input value={reason} onChange={(event) => setReason(event.target.value)} /></Field>
          <Button type="submit" look="bad">Kill</Button>
        </form>
      </Dialog>
    </>
  );
}
