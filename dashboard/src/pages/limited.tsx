// For keys that may not read jobs: what they may do, and nothing that they may not.
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { emit } from "../api.ts";
import { isId } from "../lib/ids.ts";
import { signOut, useMay, useSession } from "../session.ts";
import { Button, Card, ErrorNotice, Field, Input } from "../ui/basics.tsx";
import { Outside } from "../ui/outside.tsx";
import { say } from "../ui/toast.tsx";
import { useBusy } from "../ui/use-busy.ts";
import { useTitle } from "../ui/use-title.ts";
import { JobForm } from "./job/create.tsx";

/** How public tokens begin. */
const PUBLIC = "emit_pub_";

export function Limited() {
  const { me } = useSession();
  const mayDo = useMay();
  useTitle("Emit for this key");
  return (
    <Outside wide>
      <div className="flex items-center justify-between gap-4">
        <h1 className="min-w-0 font-semibold text-xl tracking-tight">What this key may do</h1>
        <Button onClick={() => signOut()}>Use another key</Button>
      </div>
      <p className="text-soft">It may not read jobs: it has {me.scopes.length === 1 ? "the scope" : "the scopes"} {me.scopes.join(", ")}{me.spaceId ? ", in one space" : ", and is bound to no space"}.</p>
      {mayDo("jobs:read:progress") && <Watch />}
      {mayDo("jobs:create") && <Create />}
      {mayDo("jobs:kill") && <Act />}
    </Outside>
  );
}

function Watch() {
  const { emit, me } = useSession();
  const navigate = useNavigate();
  const [id, setId] = useState(me.jobId ?? "");
  const open = (event: FormEvent) => {
    event.preventDefault();
    // Only a key that may be anybody's goes into an address; with any other the page watches from this session.
    const token = emit.http.token;
    const isOpen = token?.startsWith(PUBLIC) || me.jobId;
    void navigate({ to: "/watch/$jobId", params: { jobId: id.trim().toUpperCase() }, ...(isOpen && token && { hash: token }) });
  };
  return (
    <Card title="Watch a job">
      <form onSubmit={open} className="space-y-4">
        <JobId id={id} onChange={setId} hint="Its status and progress, live." />
        <Button type="submit" look="main" disabled={!isId(id.trim())}>Watch</Button>
      </form>
    </Card>
  );
}

function Create() {
  const { me } = useSession();
  const [space, setSpace] = useState("");
  const [made, setMade] = useState<string>();
  const target = me.spaceId ?? space.trim();
  return (
    <Card title="Create a job">
      <div className="space-y-4">
        {!me.spaceId && <Field label="The space’s id"><Input required value={space} onChange={(event) => setSpace(event.target.value)} className="font-mono" /></Field>}
        <JobForm key={made} space={target} onCreated={({ id, name }) => (setMade(id), say(`Created ${name}`))} />
        {made && <p role="status">Created: <span className="break-all font-mono text-code">{made}</span></p>}
      </div>
    </Card>
  );
}

function Act() {
  const [id, setId] = useState("");
  const { busy, fault, run } = useBusy();
  const act = (what: "kill" | "requeue", done: string) => run(async () => {
    await emit().jobs[what](id.trim());
    say(done);
  });
  return (
    <Card title="Kill or requeue a job">
      <form onSubmit={(event) => event.preventDefault()} className="space-y-4">
        <JobId id={id} onChange={setId} />
        {fault !== undefined && <ErrorNotice error={fault} />}
        <div className="flex gap-2">
          <Button disabled={busy || !isId(id.trim())} onClick={() => act("requeue", "Requeued")}>Requeue</Button>
          <Button look="bad" disabled={busy || !isId(id.trim())} onClick={() => act("kill", "Killed")}>Kill</Button>
        </div>
      </form>
    </Card>
  );
}

function JobId({ id, onChange, hint }: { id: string; onChange: (id: string) => void; hint?: string }) {
  return <Field label="The job’s id" hint={hint}><Input required value={id} onChange={(event) => onChange(event.target.value)} className="font-mono" /></Field>;
}
