// A new key: what it is for, and what each scope lets it do.
import type { Scope } from "emit-client";
import { type FormEvent, useEffect, useState } from "react";
import { emit, queries, tokensOf } from "../../api.ts";
import { Button, cx, ErrorNotice, Field, INPUT, Input } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Secret } from "./secret.tsx";

const SCOPES: [Scope, string][] = [
  ["jobs:create", "create jobs, edit waiting ones, make links to a job"],
  ["jobs:read", "list and read jobs with payload, result, events, logs; watch the space"],
  ["jobs:read:progress", "watch one job’s status and progress, nothing else"],
  ["jobs:worker", "everything a worker does: read, poll, ack, progress, logs, complete, fail"],
  ["jobs:kill", "kill, requeue and erase jobs"],
  ["jobs:poll", "take jobs"],
  ["jobs:ack", "accept or release a job"],
  ["jobs:progress", "report progress"],
  ["jobs:event", "store checkpoints, custom events and logs"],
  ["jobs:keepalive", "keep a job alive"],
  ["jobs:complete", "end a job well"],
  ["jobs:fail", "fail an attempt"],
];

const USES: [string, Scope[]][] = [
  ["Creates jobs", ["jobs:create"]],
  ["Worker", ["jobs:worker"]],
  ["Looks only", ["jobs:read"]],
  ["Operator", ["jobs:create", "jobs:read", "jobs:kill"]],
];

const LIVES: [number, string][] = [[0, "until it is revoked"], [86_400, "for 24 hours"], [30 * 86_400, "for 30 days"], [365 * 86_400, "for a year"]];

export function CreateToken({ space, open, onClose }: { space: string; open: boolean; onClose: () => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>([]);
  const [seconds, setSeconds] = useState(0);
  const [jobId, setJobId] = useState("");
  const [made, setMade] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  useEffect(() => {
    if (open) (setName(""), setScopes([]), setSeconds(0), setJobId(""), setMade(undefined), setFault(undefined));
  }, [open]);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const expiresAt = seconds ? new Date(Date.now() + seconds * 1_000).toISOString() : null;
      const token = await emit().tokens.create(space, { name, scopes, expiresAt, jobId: jobId.trim() || null });
      setMade(token.token);
      await queries.invalidateQueries({ queryKey: tokensOf(space).queryKey });
    } catch (error) {
      setFault(error);
    }
  };
  const toggle = (scope: Scope) => setScopes(scopes.includes(scope) ? scopes.filter((one) => one !== scope) : [...scopes, scope]);
  return (
    <Dialog open={open} onClose={onClose} title={made ? "The new key" : "New key"} wide>
      {made ? <Secret token={made} onDone={onClose} /> : (
        <form onSubmit={submit} className="space-y-4">
          <Field label="Name" hint="Who will hold it, such as “billing service”."><Input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} /></Field>
          <fieldset>
            <legend className="mb-1 font-medium">It may</legend>
            <div className="mb-2 flex flex-wrap gap-1">
              {USES.map(([use, wanted]) => {
                const on = wanted.length === scopes.length && wanted.every((scope) => scopes.includes(scope));
                return <button key={use} type="button" aria-pressed={on} onClick={() => setScopes(wanted)} className={cx("rounded-full border px-2.5 py-0.5", on ? "border-accent bg-accent-ground" : "border-line hover:border-line-strong")}>{use}</button>;
              })}
            </div>
            <div className="grid gap-1 sm:grid-cols-2">
              {SCOPES.map(([scope, words]) => (
                <label key={scope} className="flex items-start gap-2 rounded-md p-1.5 hover:bg-sunken">
                  <input type="checkbox" className="mt-0.5 size-4 accent-(--accent)" checked={scopes.includes(scope)} onChange={() => toggle(scope)} />
                  <span><code className="font-medium text-code">{scope}</code><span className="block text-soft">{words}</span></span>
                </label>
              ))}
            </div>
          </fieldset>
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="It works"><select value={seconds} onChange={(event) => setSeconds(Number(event.target.value))} className={INPUT}>{LIVES.map(([value, text]) => <option key={value} value={value}>{text}</option>)}</select></Field>
            <Field label="For one job only" hint="Optional: that job’s id."><Input value={jobId} onChange={(event) => setJobId(event.target.value)} className="font-mono text-code" /></Field>
          </div>
          {fault !== undefined && <ErrorNotice error={fault} />}
          <Button type="submit" look="main" disabled={scopes.length === 0}>Create the key</Button>
        </form>
      )}
    </Dialog>
  );
}
