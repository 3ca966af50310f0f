// What a job's link shows: status and progress, live, with the token of the fragment and nothing else; without one, with
// the key that signed in in this tab.
import { useLocation, useParams } from "@tanstack/react-router";
import { isEmitError } from "emit-client";
import { EmitProvider, useJob } from "emit-client/react";
import { useEffect } from "react";
import { isToken } from "../api.ts";
import { clockTime } from "../lib/format.ts";
import { isId } from "../lib/ids.ts";
import { percentOf, stepOf } from "../lib/progress.ts";
import { useSessionState } from "../session.ts";
import { Notice } from "../ui/basics.tsx";
import { Outside } from "../ui/outside.tsx";
import { Status } from "../ui/status.tsx";
import { Bar } from "./job/progress.tsx";

export function WatchPage() {
  const { jobId } = useParams({ from: "/watch/$jobId" });
  const token = useLocation({ select: (location) => location.hash });
  const { session } = useSessionState();
  return (
    <Outside wide>
      {!isId(jobId) ? <Notice tone="warn">This address names no job.</Notice>
        : isToken(token) ? <EmitProvider url={location.origin} token={token}><Watched id={jobId} /></EmitProvider>
        : session && !token ? <EmitProvider client={session.emit}><Watched id={jobId} /></EmitProvider>
        : <Notice tone="warn">This link has lost its last part, behind the “#”, or some of it: ask for it again.</Notice>}
    </Outside>
  );
}

const WORDS: Record<string, string> = {
  scheduled: "Its time has not come yet.", pending: "It waits for a worker.", delivered: "A worker is taking it on.", running: "It is being worked on.",
  completed: "It is done.", dead: "It did not work out.", killed: "It was stopped.",
};

function Watched({ id }: { id: string }) {
  const job = useJob(id, { history: true });
  const seen = job.events.toReversed();
  const percent = job.status === "completed" ? 100 : (percentOf(job.progress) ?? 0);
  const tone = job.status === "completed" ? "good" : job.status === "dead" || job.status === "killed" ? "bad" : "accent";
  useEffect(() => {
    document.title = job.name ? `${Math.round(percent)} % ${job.name}` : "Emit";
    return () => void (document.title = "Emit");
  }, [job.name, percent]);
  // What was seen last stays, with a word why nothing more comes.
  const over = job.error && <Notice tone="warn">{isEmitError(job.error, "invalid_key") ? "This link has expired or was revoked." : job.error.message}</Notice>;
  if (over && !job.status) return over;
  const step = stepOf(job.progress) ?? (job.status && WORDS[job.status]);
  return (
    <>
      {over}
      <section className="rounded-xl border border-line bg-card p-6" aria-label="Job">
        <h1 className="truncate font-semibold text-xl tracking-tight" title={job.name}><bdi>{job.name ?? "…"}</bdi></h1>
        <div className="mt-4 mb-2 flex items-baseline justify-between gap-4">
          <span id="status" role="status" className="font-medium">{job.status ? <Status status={job.status} /> : "connecting"}</span>
          <span className="font-semibold text-2xl tabular-nums tracking-tight">{Math.round(percent)} %</span>
        </div>
        <div id="bar"><Bar percent={percent} label="Progress of the job" tone={tone} tall /></div>
        <p className="mt-3 text-soft">{job.status && ["completed", "dead", "killed"].includes(job.status) ? WORDS[job.status] : step}</p>
        <ol id="log" aria-label="What happened, newest first" tabIndex={0} className="mt-4 max-h-52 overflow-auto border-line border-t pt-2 font-mono text-code leading-6">
          {seen.map((event) => (
            <li key={event.seq} className="flex gap-3"><span className="text-soft tabular-nums">{clockTime(event.timestamp)}</span><span className="w-24 shrink-0">{event.type}</span>
              <span className="truncate text-soft">{event.type === "progress" ? JSON.stringify(event.data) : ""}</span></li>
          ))}
        </ol>
        <p className="mt-3 text-soft text-xs" role="status">{job.connection.state === "ended" || over ? "" : job.connection.state}</p>
      </section>
    </>
  );
}
