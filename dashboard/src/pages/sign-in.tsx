// Sign-in with a key of any scope; in `emit dev` a job can be made without any key.
import { useNavigate } from "@tanstack/react-router";
import { isEmitError } from "emit-client";
import { KeyRound, Play } from "lucide-react";
import { type FormEvent, useState } from "react";
import { isToken } from "../api.ts";
import { signIn, signOut, useSessionState } from "../session.ts";
import { Button, Field, Input, Notice } from "../ui/basics.tsx";
import { Outside } from "../ui/outside.tsx";
import { useBusy } from "../ui/use-busy.ts";
import { useTitle } from "../ui/use-title.ts";

/** Nobody's key is longer, and at some length none fits into a header. */
const KEY_MAX = 200;

const isDemo = () => document.documentElement.dataset.demo !== undefined;

export function SignIn() {
  const { waiting, reason } = useSessionState();
  useTitle("Sign in");
  return (
    <Outside>
      {isDemo() && <Demo />}
      {reason && <Notice tone="warn">{reason}</Notice>}
      <div className="rounded-xl border border-line bg-card p-6">
        {waiting ? <Waits why={waiting.why} /> : <WithKey />}
      </div>
      <p className="text-soft">Background jobs over plain HTTP, watched live. <a href="/api/docs" className="underline">API description</a></p>
    </Outside>
  );
}

/** A server that restarts is waited for: the key is good until somebody says otherwise. */
function Waits({ why }: { why: string | undefined }) {
  return (
    <div className="space-y-4">
      <h1 className="font-semibold text-xl tracking-tight">Signing in…</h1>
      <p role="status" className="text-soft">{why ? `No answer: ${why}. Asked again until there is one.` : "The server is asked what this tab’s key may do."}</p>
      <Button onClick={() => signOut()}>Use another key</Button>
    </div>
  );
}

function WithKey() {
  const [key, setKey] = useState("");
  const [remember, setRemember] = useState(true);
  const [tried, setTried] = useState("");
  const { busy, fault, run } = useBusy();
  const wrong = isEmitError(fault, "invalid_key") ? "This key is unknown, revoked or expired." : (fault as Error | undefined)?.message;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(key);
    void run(async () => {
      if (!isToken(key.trim()) || key.length > KEY_MAX) throw new Error("This is no key: a key is one short word, as a rule one that begins with emit_.");
      await signIn(key.trim(), remember);
    });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <h1 className="font-semibold text-xl tracking-tight">Sign in</h1>
      <Field label="Key" hint={<>The admin key was printed at the first start. Lost it? <code className="whitespace-nowrap font-mono text-code">emit key create --admin</code> makes another.</>} error={key === tried ? wrong : undefined}>
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

function Demo() {
  const navigate = useNavigate();
  const [fault, setFault] = useState("");
  const start = async () => {
    try {
      const answer = await fetch("/demo/jobs", { method: "POST" });
      const { jobId, token, detail } = await answer.json();
      if (!answer.ok) throw new Error(detail);
      void navigate({ to: "/watch/$jobId", params: { jobId }, hash: token });
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
