// A new job, empty or after the picture of another. What is typed is sent as text: numbers keep every digit.
import { useNavigate } from "@tanstack/react-router";
import type { Job } from "emit-client";
import { type FormEvent, useMemo, useState } from "react";
import { emit, freshKey, path, type ReadJob } from "../../api.ts";
import { members, pretty } from "../../lib/raw-json.ts";
import { useMay } from "../../session.ts";
import { Button, cx, ErrorNotice, Field, INPUT, Input } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { say } from "../../ui/toast.tsx";
import { useBusy } from "../../ui/use-busy.ts";

/** What is taken over from another job; its times, its end and its idempotency key are its own. */
const TAKEN = ["maxRetries", "timeoutSeconds", "deliveryTimeoutSeconds", "priority", "retryBackoff", "tags", "callbackUrl"] as const;
const OPTIONS = { maxRetries: 3, timeoutSeconds: 300, priority: 0 };

export function CreateJob({ space, like, open, onClose, onCreated }: {
  space: string; like?: ReadJob; open: boolean; onClose: () => void; onCreated?: () => void;
}) {
  const navigate = useNavigate();
  const mayRead = useMay()("jobs:read");
  const created = (job: Job) => {
    say(mayRead ? `Created ${job.name}` : `Created ${job.name}, ${job.id}`);
    onClose();
    onCreated?.();
    if (mayRead) void navigate({ to: "/jobs/$jobId", params: { jobId: job.id } });
  };
  return (
    <Dialog open={open} onClose={onClose} title={like ? "Create again, with changes" : "New job"} wide>
      <JobForm space={space} like={like} onCreated={created} />
    </Dialog>
  );
}

/** Begins anew each time it is opened. */
export function JobForm({ space, like, onCreated }: { space: string; like?: ReadJob | undefined; onCreated: (job: Job) => void }) {
  const taken = like && Object.fromEntries(TAKEN.filter((key) => like[key] !== null).map((key) => [key, like[key]]));
  const [name, setName] = useState(like?.name ?? "");
  const [payload, setPayload] = useState(() => pretty(like ? (like.raw.payload ?? "null") : "{}"));
  const [rest, setRest] = useState(() => JSON.stringify(taken ?? OPTIONS, null, 2));
  const { busy, fault, run } = useBusy();
  // Of one form comes one job, however often it is sent: until something is changed, the key says that it is the same.
  const key = useMemo(freshKey, [space, name, payload, rest]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const { body, hasKey } = requestOf(name, payload, rest);
      const headers: Record<string, string> = hasKey ? {} : { "idempotency-key": key };
      onCreated(await emit().http.call<Job>("POST", path`/spaces/${space}/jobs`, { body, headers, repeat: "always" }));
    });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="Name"><Input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} placeholder="video.encode" /></Field>
      <Field label="Payload" hint="Any JSON."><Text value={payload} onChange={setPayload} rows={8} /></Field>
      <Field label="Options" hint="Retries, timeouts, priority, tags, scheduledFor, expiresAt…"><Text value={rest} onChange={setRest} rows={6} /></Field>
      {fault !== undefined && <ErrorNotice error={fault} />}
      <Button type="submit" look="main" disabled={busy}>Create</Button>
    </form>
  );
}

function Text({ value, onChange, rows }: { value: string; onChange: (value: string) => void; rows: number }) {
  return <textarea rows={rows} spellCheck={false} value={value} onChange={(event) => onChange(event.target.value)} className={cx(INPUT, "h-auto py-2 font-mono text-code")} />;
}

/** The request as text, from texts that are JSON, and whether it has an idempotency key of its own. */
function requestOf(name: string, payload: string, options: string): { body: string; hasKey: boolean } {
  const given = checked("Options", options);
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new Error("Options: an object in braces is wanted");
  checked("Payload", payload);
  const fields = [...members(options), ["name", JSON.stringify(name)], ["payload", payload]];
  const body = `{${fields.map(([field, value]) => `${JSON.stringify(field)}:${value}`).join(",")}}`;
  return { body, hasKey: "idempotencyKey" in given };
}

function checked(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`);
  }
}
