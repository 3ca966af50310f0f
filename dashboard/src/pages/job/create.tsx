// A new job, empty or after the picture of another.
import { useNavigate } from "@tanstack/react-router";
import type { Job, NewJob } from "emit-client";
import { type FormEvent, useEffect, useState } from "react";
import { emit } from "../../api.ts";
import { Button, cx, ErrorNotice, Field, INPUT, Input } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { say } from "../../ui/toast.tsx";

/** What is taken over from another job; its times, its end and its idempotency key are its own. */
const TAKEN = ["maxRetries", "timeoutSeconds", "deliveryTimeoutSeconds", "priority", "retryBackoff", "tags", "callbackUrl"] as const;

export function CreateJob({ space, like, open, onClose, onCreated }: {
  space: string; like?: Job; open: boolean; onClose: () => void; onCreated?: () => void;
}) {
  const [name, setName] = useState("");
  const [payload, setPayload] = useState("{}");
  const [rest, setRest] = useState("{}");
  const [fault, setFault] = useState<unknown>();
  const navigate = useNavigate();
  useEffect(() => {
    if (!open) return;
    setFault(undefined);
    setName(like?.name ?? "");
    setPayload(JSON.stringify(like?.payload ?? {}, null, 2));
    const taken = like && Object.fromEntries(TAKEN.filter((key) => like[key] !== null).map((key) => [key, like[key]]));
    setRest(JSON.stringify(taken ?? { maxRetries: 3, timeoutSeconds: 300, priority: 0 }, null, 2));
  }, [open]);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const job: NewJob = { ...(parsed("Options", rest) as object), name, payload: parsed("Payload", payload) };
      const made = await emit().jobs.create(job, { space });
      say(`Created ${made.name}`);
      onClose();
      onCreated?.();
      navigate({ to: "/jobs/$jobId", params: { jobId: made.id } });
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <Dialog open={open} onClose={onClose} title={like ? "Create again, with changes" : "New job"} wide>
      <form onSubmit={submit} className="space-y-4">
        <Field label="Name"><Input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} placeholder="video.encode" /></Field>
        <Field label="Payload" hint="Any JSON."><Text value={payload} onChange={setPayload} rows={8} /></Field>
        <Field label="Options" hint="Retries, timeouts, priority, tags, scheduledFor, expiresAt…"><Text value={rest} onChange={setRest} rows={6} /></Field>
        {fault !== undefined && <ErrorNotice error={fault} />}
        <Button type="submit" look="main">Create</Button>
      </form>
    </Dialog>
  );
}

function Text({ value, onChange, rows }: { value: string; onChange: (value: string) => void; rows: number }) {
  return <textarea rows={rows} spellCheck={false} value={value} onChange={(event) => onChange(event.target.value)} className={cx(INPUT, "h-auto py-2 font-mono text-[13px]")} />;
}

function parsed(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`);
  }
}
