// A space's jobs, searched, followed live, picked from.
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { isEmitError, STATUSES } from "emit-client";
import { Plus, RefreshCw } from "lucide-react";
import { useCallback, useMemo, useRef, useState } from "react";
import { countsOf, statsOf } from "../../api.ts";
import { brief, count } from "../../lib/format.ts";
import { statusesOf } from "../../lib/query-language.ts";
import { useMay } from "../../session.ts";
import { Button, Card, cx, ErrorNotice, PageTitle, Waiting } from "../../ui/basics.tsx";
import { Status } from "../../ui/status.tsx";
import { FirstSteps } from "../first-steps.tsx";
import { CreateJob } from "../job/create.tsx";
import { BulkBar } from "./bulk.tsx";
import { Filter } from "./filter.tsx";
import type { Changes } from "./follower.ts";
import type { Row } from "./row.ts";
import { Table } from "./table.tsx";
import { useJobs } from "./use-jobs.ts";

/** Whatever is searched for, the line that it is typed into stays, and the focus in it. */
export function JobsPage() {
  const { spaceId: space } = useParams({ from: "/inside/spaces/$spaceId/jobs" });
  const { q = "" } = useSearch({ from: "/inside/spaces/$spaceId/jobs" });
  const navigate = useNavigate();
  const mayCreate = useMay()("jobs:create");
  const jobs = useJobs(space, q);
  const { list, rows } = jobs;
  const counts = useQuery(countsOf(space)).data;
  const names = useQuery(statsOf(space)).data?.names;
  const [creating, setCreating] = useState(false);
  const search = (query: string) => navigate({ to: "/spaces/$spaceId/jobs", params: { spaceId: space }, search: query ? { q: query } : {} });
  const known = useMemo(() => ({
    names: [...new Set([...(names ?? []).map(({ name }) => name), ...rows.slice(0, 500).map(({ name }) => name)])],
    tags: [...new Set(rows.slice(0, 500).flatMap(({ tags }) => Object.entries(tags ?? {}).map(([key, value]) => `${key}=${value}`)))],
  }), [names, rows]);
  const fault = isEmitError(list.error, "invalid_query") ? list.error.fields.map(({ detail }) => detail).join("; ") : undefined;
  const empty = counts && STATUSES.every((status) => counts[status] === 0);
  return (
    <div className="flex h-[calc(100dvh-5.5rem)] min-h-[28rem] flex-col md:h-[calc(100dvh-3rem)]">
      <PageTitle aside={mayCreate && <Button icon={Plus} onClick={() => setCreating(true)}>New job</Button>}>Jobs</PageTitle>
      <Filter value={q} known={known} fault={fault} onSubmit={search} />
      <nav aria-label="By status" className="mb-3 flex flex-wrap gap-1">
        {STATUSES.map((status) => {
          const on = q === `status:${status}`;
          return (
            <button key={status} type="button" aria-pressed={on} onClick={() => search(on ? "" : `status:${status}`)}
              className={cx("rounded-full border px-2.5 py-0.5", on ? "border-accent bg-accent-ground" : "border-line bg-card hover:border-line-strong")}>
              <Status status={status} /> <span className="text-soft tabular-nums">{counts ? brief(counts[status]) : ""}</span>
            </button>
          );
        })}
      </nav>
      {list.error && !fault && <ErrorNotice error={list.error} />}
      {list.isPending ? !list.error && <Waiting rows={8} /> : rows.length > 0 ? (
        <Results key={`${jobs.visit} ${q}`} space={space} q={q} jobs={jobs} />
      ) : empty ? <FirstSteps space={space} /> : !list.error && (
        <Card>
          <p className="text-soft">{list.hasNextPage ? "None of the newest 50,000 jobs match." : "No job matches."}</p>
          {list.hasNextPage && <Button className="mt-3" disabled={list.isFetching} onClick={() => list.fetchNextPage()}>Look further back</Button>}
          <Changed said={saidOf(q, jobs.changes, 0)} onRenew={jobs.refresh} />
        </Card>
      )}
      <CreateJob space={space} open={creating} onClose={() => setCreating(false)} onCreated={() => void jobs.refresh()} />
    </div>
  );
}

function Results({ space, q, jobs: { list, rows, view, changes, refresh, visit } }: { space: string; q: string; jobs: ReturnType<typeof useJobs> }) {
  const mayKill = useMay()("jobs:kill");
  const scroller = useRef<HTMLDivElement>(null);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const selection = useSelection(rows, picked, setPicked);
  const more = useCallback(() => {
    if (!list.isFetching && !list.isError) void list.fetchNextPage();
  }, [list.isFetching, list.isError, list.fetchNextPage]);
  const statuses = useMemo(() => statusesOf(q)?.statuses, [q]);
  const fits = (row: Row) => !row.gone && (!statuses || statuses.has(row.status));
  const said = saidOf(q, changes, rows.reduce((left, row) => left + (fits(row) ? 0 : 1), 0));
  // The button goes with what it said, and the focus goes where the rows are.
  const renew = async () => {
    scroller.current?.focus();
    await refresh();
    scroller.current?.scrollTo(0, 0);
  };
  return (
    <>
      {mayKill && (picked.size > 0 || q) && (
        <BulkBar space={space} q={q} picked={rows.filter(({ id }) => picked.has(id))} onClear={() => setPicked(new Set())} onDone={() => (setPicked(new Set()), void refresh())} />
      )}
      <Table rows={rows} fits={fits} view={view} more={list.hasNextPage} onMore={more} selection={selection} pickable={mayKill} scroller={scroller} place={`${visit} ${q}`} />
      <div className="mt-2 flex min-h-8 flex-wrap items-center gap-x-3 text-soft">
        <span>{count(rows.length)}{list.hasNextPage ? " loaded, more below" : rows.length === 1 ? " job" : " jobs"}</span>
        <Changed said={said} onRenew={renew} />
      </div>
    </>
  );
}

function Changed({ said, onRenew }: { said: string; onRenew: () => void }) {
  return said && <div className="flex flex-wrap items-center gap-x-3" data-changed><span>{said}</span><Button icon={RefreshCw} onClick={onRenew}>Refresh</Button></div>;
}

/** What is no longer true of a list, in words; nothing while all of it is. */
function saidOf(q: string, { came, missed }: Changes, left: number): string {
  const search = statusesOf(q);
  const certain = !q || (search?.alone && search.statuses.size === 1);
  const words = [
    left > 0 && `${count(left)} no longer ${left === 1 ? "matches" : "match"}`,
    came > 0 && (q ? `${count(came)} more ${certain ? (came === 1 ? "matches" : "match") : "may match"}` : `${count(came)} new`),
    missed && "others may have changed",
  ];
  return words.filter(Boolean).join(", ");
}

function useSelection(rows: Row[], picked: ReadonlySet<string>, setPicked: (picked: ReadonlySet<string>) => void) {
  const last = useRef(0);
  const all = rows.length > 0 && picked.size >= rows.length;
  return {
    has: (id: string) => picked.has(id),
    all,
    some: picked.size > 0,
    toggleAll: () => setPicked(all ? new Set() : new Set(rows.map(({ id }) => id))),
    toggle: (index: number, range: boolean) => {
      const next = new Set(picked);
      const on = !next.has(rows[index]!.id);
      const [from, to] = range ? [Math.min(index, last.current), Math.max(index, last.current)] : [index, index];
      for (const { id } of rows.slice(from, to + 1)) on ? next.add(id) : next.delete(id);
      last.current = index;
      setPicked(next);
    },
  };
}
