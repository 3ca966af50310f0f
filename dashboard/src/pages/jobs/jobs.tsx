// A space's jobs, searched, followed live, picked from.
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { isEmitError, STATUSES } from "emit-client";
import { ArrowUp, Plus } from "lucide-react";
import { useCallback, useMemo, useRef, useState } from "react";
import { countsOf, statsOf } from "../../api.ts";
import { brief, count } from "../../lib/format.ts";
import { useMay } from "../../session.ts";
import { Button, Card, cx, ErrorNotice, PageTitle, Waiting } from "../../ui/basics.tsx";
import { Status } from "../../ui/status.tsx";
import { FirstSteps } from "../first-steps.tsx";
import { CreateJob } from "../job/create.tsx";
import { BulkBar } from "./bulk.tsx";
import { Filter } from "./filter.tsx";
import { Table } from "./table.tsx";
import { type Row, useJobs } from "./use-jobs.ts";

export function JobsPage() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId/jobs" });
  const { q = "" } = useSearch({ from: "/inside/spaces/$spaceId/jobs" });
  return <Jobs key={`${spaceId} ${q}`} space={spaceId} q={q} />;
}

function Jobs({ space, q }: { space: string; q: string }) {
  const navigate = useNavigate();
  const mayDo = useMay();
  const { list, rows, created, refresh } = useJobs(space, q);
  const counts = useQuery(countsOf(space)).data;
  const names = useQuery(statsOf(space)).data?.names;
  const [creating, setCreating] = useState(false);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const search = (query: string) => navigate({ to: "/spaces/$spaceId/jobs", params: { spaceId: space }, search: query ? { q: query } : {} });
  const known = useMemo(() => ({
    names: [...new Set([...(names ?? []).map(({ name }) => name), ...rows.slice(0, 500).map(({ name }) => name)])],
    tags: [...new Set(rows.slice(0, 500).flatMap(({ tags }) => Object.entries(tags ?? {}).map(([key, value]) => `${key}=${value}`)))],
  }), [names, rows.length]);
  const selection = useSelection(rows, picked, setPicked);
  const more = useCallback(() => {
    if (!list.isFetching && !list.isError) void list.fetchNextPage();
  }, [list.isFetching, list.isError, list.fetchNextPage]);

  const fault = isEmitError(list.error, "invalid_query") ? list.error.fields.map(({ detail }) => detail).join("; ") : undefined;
  const empty = counts && STATUSES.every((status) => counts[status] === 0);
  return (
    <div className="flex h-[calc(100dvh-5.5rem)] min-h-[28rem] flex-col md:h-[calc(100dvh-3rem)]">
      <PageTitle aside={mayDo("jobs:create") && <Button icon={Plus} onClick={() => setCreating(true)}>New job</Button>}>Jobs</PageTitle>
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
        {created > 0 && <Button look="quiet" icon={ArrowUp} onClick={() => refresh()} className="ml-auto h-7 text-accent" aria-live="polite">{count(created)} {q ? "created since" : "new"}</Button>}
      </nav>
      {mayDo("jobs:kill") && rows.length > 0 && (picked.size > 0 || q) && (
        <BulkBar space={space} q={q} picked={rows.filter(({ id }) => picked.has(id))} onClear={() => setPicked(new Set())} onDone={() => (setPicked(new Set()), void refresh())} />
      )}
      {list.error && !fault && <ErrorNotice error={list.error} />}
      {list.isPending ? !list.error && <Waiting rows={8} /> : rows.length > 0 ? (
        <Table rows={rows} more={list.hasNextPage} onMore={more} selection={selection} pickable={mayDo("jobs:kill")} />
      ) : empty ? <FirstSteps space={space} /> : !list.error && (
        <Card>
          <p className="text-soft">{list.hasNextPage ? "None of the newest 50,000 jobs match." : "No job matches."}</p>
          {list.hasNextPage && <Button className="mt-3" disabled={list.isFetching} onClick={() => list.fetchNextPage()}>Look further back</Button>}
        </Card>
      )}
      <CreateJob space={space} open={creating} onClose={() => setCreating(false)} onCreated={() => void refresh()} />
    </div>
  );
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
