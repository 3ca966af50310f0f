// Sign-in with a key of any scope. A key that may only see progress opens one job's page; in `emit dev` a job can be made
// without any key.
import { useNavigate } from "@tanstack/react-router";
import { isEmitError } from "emit-client";
import { KeyRound, Play } from "lucide-react";
import { type FormEvent, useState } from "react";
import { may, signIn, signOut, useMaybeSession } from "../session.ts";
import { Button, Field, Input, Notice } from "../ui/basics.tsx";
import { Mark } from "../ui/mark.tsx";

/** How public tokens begin. */
const PUBLIC = "emit_pub_";

const isDemo = () => document.documentElement.dataset.demo !== undefined;

export function SignIn() {
  const session = useMaybeSession();
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-md flex-col justify-center gap-4 px-4 py-8">
      <Mark />
      {isDemo() && <Demo />}
      <div className="rounded-xl border border-line bg-card p-6">
        {session ? <WatchByProgressKey /> : <WithKey />}
      </div>
      <p className="text-soft">Background jobs over plain HTTP, watched live. <a href="/api/docs" className="underline">API description</a></p>
    </main>
  );
}

function WithKey() {
  const [key, setKey] = useState("");
  const [remember, setRemember] = useState(true);
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    try {
      await signIn(key.trim(), remember);
    } catch (error) {
      setFault(isEmitError(error, "invalid_key") ? "This key is unknown, revoked or expired." : (error as Error).message);
    }
    setBusy(false);
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <h1 className="font-semibold text-xl tracking-tight">Sign in</h1>
      <Field label="Key" hint="The admin key was printed at the first start. Lost it? emit key create --admin makes another." error={fault}>
        <Input type="password" required autoFocus value={key} onChange={(event) => setKey(event.target.value)} placeholder="emit_…" className="font-mono" />
      </Field>
      <label className="flex items-start gap-2">
        <input type="checkbox" className="mt-1 accent-(--accent)" checked={remember} onChange={(event) => setRemember(event.target.checked)} />
        <span>Stay signed in in this tab <span className="text-soft">(until it is closed; never longer)</span></span>
      </label>
      <Button type="submit" look="main" icon={KeyRound} disabled={busy || !key.trim()} className="w-full">Sign in</Button>
    </form>
  );
}

/** A public token is no operator's key: it sees the progress of a job whose id one knows. */
function WatchByProgressKey() {
  const session = useMaybeSession();
  const navigate = useNavigate();
  const [id, setId] = useState(session?.me.jobId ?? "");
  if (session && !may(session.me.scopes, "jobs:read:progress")) {
    return <><Notice tone="warn">This key may not look at jobs: it has the scopes {session.me.scopes.join(", ")}.</Notice><Button className="mt-4" onClick={signOut}>Use another key</Button></>;
  }
  const open = (event: FormEvent) => {
    event.preventDefault();
    // Only a key that may be anybody's goes into an address; with any other the page watches from this session.
    const token = session?.emit.http.token;
    const isOpen = token?.startsWith(PUBLIC) || session?.me.jobId;
    void navigate({ to: "/watch/$jobId", params: { jobId: id.trim().toUpperCase() }, ...(isOpen && token && { hash: token }) });
  };
  return (
    <form onSubmit={open} className="space-y-4">
      <h1 className="font-semibold text-xl tracking-tight">Watch a job</h1>
      <Field label="The job’s id" hint="This key sees the progress of one job at a time."><Input required value={id} onChange={(event) => setId(event.target.value)} className="font-mono" /></Field>
      <div className="flex gap-2"><Button type="submit" look="main">Watch</Button><Button onClick={signOut}>Use another key</Button></div>
    </form>
  );
}

function Demo() {
  const navigate = useNavigate();
  const [fault, setFault] = useState("");
  const start = async () => {
    try {
      const answer = await fetch("/demo/jobs", { method: "POST" });
      const { jobId, token, detail } = await answer.json();
      if (!answer.ok) throw new Error(detail);
      navigate({ to: "/watch/$jobId", params: { jobId }, hash: token });
    } catch (error) {
      setFault((error as Error).message);
    }
  };
  return (
    <section className="rounded-xl border border-line bg-card p-6">
      <h2 className="font-semibold text-xl tracking-tight">See a job live</h2>
      <p className="mt-1 mb-4 text-soft">The server creates a job, a worker reports its progress, and this browser watches it with nothing but the space’s public token.</p>
      <Button look="main" icon={Play} onClick={start} id="start">Generate a report</Button>
      {fault && <div className="mt-3"><Notice tone="bad">{fault}</Notice></div>}
    </section>
  );
}
