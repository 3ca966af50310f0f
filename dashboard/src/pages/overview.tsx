// A space at a glance: what is there, how fast it moves, who works, what fails.
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type Counts, type Stats, STATUSES } from "emit-client";
import { lazy, Suspense } from "react";
import { countsOf, failuresOf, statsOf } from "../api.ts";
import { ago, brief, count, rate } from "../lib/format.ts";
import { failuresQuery } from "../lib/query-language.ts";
import { Card, ErrorNotice, PageTitle, Waiting } from "../ui/basics.tsx";
import { Status } from "../ui/status.tsx";
import { FirstSteps } from "./first-steps.tsx";

const Throughput = lazy(() => import("../chart/throughput.tsx").then(({ Throughput }) => ({ default: Throughput })));

export function Overview() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId/" });
  const counts = useQuery(countsOf(spaceId));
  const stats = useQuery(statsOf(spaceId));
  const empty = counts.data && STATUSES.every((status) => counts.data[status] === 0);
  return (
    <>
      <PageTitle>Overview</PageTitle>
      {counts.error && <div className="mb-4"><ErrorNotice error={counts.error} /></div>}
      <Tiles space={spaceId} counts={counts.data} />
      {empty ? <FirstSteps space={spaceId} /> : (
        <div className="mt-4 grid gap-4 xl:grid-cols-3">
          <Card title="Throughput" aside={<Span stats={stats.data} />} className="xl:col-span-2">
            {stats.data ? <Suspense fallback={<div className="h-[230px]" />}><Throughput stats={stats.data} /></Suspense> : <Waiting />}
          </Card>
          <Workers stats={stats.data} />
          <TopFailures space={spaceId} />
          <Names space={spaceId} stats={stats.data} />
        </div>
      )}
    </>
  );
}

function Tiles({ space, counts }: { space: string; counts: Counts | undefined }) {
  return (
    <ul className="grid grid-cols-2 gap-2 sm:grid-cols-4 lg:grid-cols-7" aria-label="Jobs by status">
      {STATUSES.map((status) => (
        <li key={status} className="last:col-span-2 lg:last:col-span-1">
          <Link to="/spaces/$spaceId/jobs" params={{ spaceId: space }} search={{ q: `status:${status}` }}
            className="block rounded-xl border border-line bg-card px-4 py-3 text-ink no-underline hover:border-line-strong">
            <span className="block font-semibold text-2xl tabular-nums tracking-tight" title={counts && count(counts[status])}>{counts ? brief(counts[status]) : "–"}</span>
            <Status status={status} className="text-soft" />
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** What the figures are of: they are no promise about all time. */
export function Span({ stats }: { stats: Stats | undefined }) {
  if (!stats) return null;
  const minutes = Math.round((Date.parse(stats.to) - Date.parse(stats.from)) / 60_000);
  const span = minutes >= 60 ? "the last hour" : minutes >= 1 ? `the last ${minutes} min` : `the last ${Math.max(1, Math.round((Date.parse(stats.to) - Date.parse(stats.from)) / 1_000))} s`;
  return <span className="text-soft">{span}, {count(stats.events)} events</span>;
}

function Workers({ stats }: { stats: Stats | undefined }) {
  return (
    <Card title="Workers lately" aside={stats?.oldestPendingAt && <span className="text-soft">oldest pending {ago(stats.oldestPendingAt)}</span>} flush>
      {!stats ? <div className="p-4"><Waiting /></div> : stats.workers.length === 0 ? <p className="p-4 text-soft">No worker has taken a job yet.</p> : (
        <ul className="max-h-[262px] divide-y divide-line overflow-auto" tabIndex={0} aria-label="Workers">
          {stats.workers.slice(0, 50).map((worker) => (
            <li key={worker.workerId} className="flex items-center justify-between gap-3 px-4 py-2">
              <span className="truncate font-mono text-code" title={worker.workerId}><bdi>{worker.workerId}</bdi></span>
              <span className="shrink-0 text-soft">{worker.running > 0 ? `${worker.running} running` : ago(worker.seenAt)}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function TopFailures({ space }: { space: string }) {
  const failures = useQuery(failuresOf(space)).data;
  return (
    <Card title="What fails" aside={<Link to="/spaces/$spaceId/failures" params={{ spaceId: space }}>All failures</Link>} className="xl:col-span-2" flush>
      {!failures ? <div className="p-4"><Waiting /></div> : failures.groups.length === 0 ? <p className="p-4 text-soft">No job has died.</p> : (
        <ul className="divide-y divide-line">
          {failures.groups.slice(0, 5).map((group) => (
            <li key={group.shape}>
              <Link to="/spaces/$spaceId/jobs" params={{ spaceId: space }} search={{ q: failuresQuery(group) }}
                className="flex items-baseline gap-3 px-4 py-2 text-ink no-underline hover:bg-sunken">
                <span className="w-14 shrink-0 text-right font-semibold text-bad tabular-nums">{brief(group.count)}</span>
                <span className="truncate font-mono text-code" title={group.newestError}><bdi>{group.shape || "(no error text)"}</bdi></span>
                <span className="ml-auto max-w-[40%] shrink-0 truncate text-soft" title={group.names.join(", ")}><bdi>{group.names[0]}</bdi>{group.names.length > 1 && ` +${group.names.length - 1}`}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Names({ space, stats }: { space: string; stats: Stats | undefined }) {
  const seconds = stats ? (Date.parse(stats.to) - Date.parse(stats.from)) / 1_000 : 1;
  return (
    <Card title="Busiest jobs" aside={<Link to="/spaces/$spaceId/metrics" params={{ spaceId: space }}>Metrics</Link>} flush>
      {!stats ? <div className="p-4"><Waiting /></div> : stats.names.length === 0 ? <p className="p-4 text-soft">Nothing has happened in the last hour.</p> : (
        <ul className="divide-y divide-line">
          {stats.names.toSorted((a, b) => b.total.completed - a.total.completed).slice(0, 5).map(({ name, total }) => (
            <li key={name} className="flex items-baseline justify-between gap-3 px-4 py-2">
              <span className="truncate" title={name}><bdi>{name}</bdi></span>
              <span className="shrink-0 text-soft tabular-nums">{rate(total.completed / seconds)}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
