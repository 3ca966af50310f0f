// All spaces at a glance.
import { useQuery } from "@tanstack/react-query";
import { Link, Navigate, useNavigate } from "@tanstack/react-router";
import { STATUSES, type Space } from "emit-client";
import { Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { countsOf, emit, queries, spacesList, statsOf } from "../api.ts";
import { Spark } from "../chart/spark.tsx";
import { ago, brief } from "../lib/format.ts";
import { isId } from "../lib/ids.ts";
import { useMay, useSession } from "../session.ts";
import { Button, ErrorNotice, Field, Input, PageTitle, Waiting } from "../ui/basics.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Status } from "../ui/status.tsx";

/** Spaces that are shown, and asked about every other second, until more are wanted. */
const STEP = 20;

export function Home() {
  const { me } = useSession();
  const admin = useMay()("admin");
  if (!admin && me.spaceId) return <Navigate to="/spaces/$spaceId" params={{ spaceId: me.spaceId }} replace />;
  if (!admin) return <OneSpace />;
  return <Spaces />;
}

/** A key that is bound to no space and is no admin's cannot ask which there are. */
function OneSpace() {
  const navigate = useNavigate();
  const [id, setId] = useState("");
  const open = (event: FormEvent) => {
    event.preventDefault();
    void navigate({ to: "/spaces/$spaceId", params: { spaceId: id.trim().toUpperCase() } });
  };
  return (
    <>
      <PageTitle>Open a space</PageTitle>
      <form onSubmit={open} className="max-w-md space-y-4">
        <Field label="The space’s id" hint="This key is bound to no space, and only an admin’s may list them."><Input required value={id} onChange={(event) => setId(event.target.value)} className="font-mono" /></Field>
        <Button type="submit" look="main" disabled={!isId(id.trim())}>Open</Button>
      </form>
    </>
  );
}

function Spaces() {
  const spaces = useQuery(spacesList());
  const [shown, setShown] = useState(STEP);
  const [making, setMaking] = useState(false);
  return (
    <>
      <PageTitle aside={<Button icon={Plus} onClick={() => setMaking(true)}>New space</Button>}>Spaces</PageTitle>
      {spaces.error && <ErrorNotice error={spaces.error} />}
      {spaces.isPending ? <Waiting /> : (
        <div className="grid grid-cols-[minmax(0,1fr)] gap-4 xl:grid-cols-[repeat(2,minmax(0,1fr))]">
          {spaces.data?.slice(0, shown).map((space) => <SpaceCard key={space.id} space={space} />)}
        </div>
      )}
      {(spaces.data?.length ?? 0) > shown && <Button className="mt-4" onClick={() => setShown(shown + STEP)}>Show more of {spaces.data?.length}</Button>}
      <NewSpace open={making} onClose={() => setMaking(false)} />
    </>
  );
}

function SpaceCard({ space }: { space: Space }) {
  const counts = useQuery(countsOf(space.id)).data;
  const stats = useQuery(statsOf(space.id)).data;
  const failed = stats?.buckets.map(({ retried, dead }) => retried + dead) ?? [];
  const completed = stats?.buckets.map((bucket) => bucket.completed) ?? [];
  const sum = (values: number[]) => values.reduce((all, value) => all + value, 0);
  const working = stats?.workers.filter(({ running }) => running > 0).length ?? 0;
  return (
    <article className="relative min-w-0 rounded-xl border border-line bg-card p-4 hover:border-line-strong">
      <div className="flex items-center gap-3">
        <h2 className="min-w-0 truncate font-semibold text-base">
          <Link to="/spaces/$spaceId" params={{ spaceId: space.id }} title={space.name} className="text-ink no-underline after:absolute after:inset-0 after:rounded-xl"><bdi>{space.name}</bdi></Link>
        </h2>
        {space.paused && <span className="rounded bg-warn-ground px-1.5 py-0.5 font-medium text-warn text-xs">paused</span>}
        <div className="ml-auto w-28 shrink-0 sm:w-44"><Spark good={completed} bad={failed} label={`Last hour: ${sum(completed)} completed, ${sum(failed)} failed attempts`} /></div>
      </div>
      <dl className="mt-3 grid grid-cols-4 gap-x-3 gap-y-2 sm:flex sm:justify-between">
        {STATUSES.map((status) => (
          <div key={status} className="min-w-0">
            <dd className="font-semibold text-lg tabular-nums leading-6">{counts ? brief(counts[status]) : "–"}</dd>
            <dt className="text-soft text-xs"><Status status={status} /></dt>
          </div>
        ))}
      </dl>
      <p className="mt-3 flex flex-wrap gap-x-4 gap-y-1 border-line border-t pt-2.5 text-soft">
        <span>Oldest pending: <span className="text-ink">{stats?.oldestPendingAt ? ago(stats.oldestPendingAt) : "none"}</span></span>
        <span>Workers: <span className="text-ink">{stats ? (stats.workers.length ? `${working} busy of ${stats.workers.length} seen lately` : "none seen") : "–"}</span></span>
      </p>
    </article>
  );
}

function NewSpace({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [name, setName] = useState("");
  const [fault, setFault] = useState<unknown>();
  const navigate = useNavigate();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const made = await emit().spaces.create({ name });
      await queries.invalidateQueries({ queryKey: ["spaces"] });
      onClose();
      navigate({ to: "/spaces/$spaceId", params: { spaceId: made.id } });
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <Dialog open={open} onClose={onClose} title="New space">
      <form onSubmit={submit} className="space-y-4">
        <Field label="Name" hint="A space is an isolated queue with its own jobs, keys and event stream."><Input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} /></Field>
        {fault !== undefined && <ErrorNotice error={fault} />}
        <Button type="submit" look="main">Create</Button>
      </form>
    </Dialog>
  );
}
