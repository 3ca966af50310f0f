// A space's settings, and its end.
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { isEmitError, type Space, type SpaceSettings } from "emit-client";
import { type FormEvent, useState } from "react";
import { emit, queries, spaceOf } from "../api.ts";
import { Button, Card, CopyButton, ErrorNotice, Field, Input, PageTitle, Waiting } from "../ui/basics.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { say } from "../ui/toast.tsx";
import { PushSettings, SigningSecret, SlackSettings } from "./outbound-settings.tsx";

export function SettingsPage() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId/settings" });
  const { data, error } = useQuery(spaceOf(spaceId));
  return (
    <>
      <PageTitle>Settings</PageTitle>
      {error && <ErrorNotice error={error} />}
      {!data ? !error && <Waiting /> : <div className="max-w-2xl space-y-4"><Form key={data.id} space={data} /><SlackSettings space={data} /><PushSettings space={data} /><SigningSecret space={data} /><Danger space={data} /></div>}
    </>
  );
}

const whole = (text: string): number | null => (text.trim() === "" ? null : Number(text));

function Form({ space }: { space: Space }) {
  const [name, setName] = useState(space.name);
  const [paused, setPaused] = useState(space.paused);
  const [retention, setRetention] = useState(String(space.retentionDays));
  const [pending, setPending] = useState(space.maxPending === null ? "" : String(space.maxPending));
  const [deliveries, setDeliveries] = useState(space.maxDeliveries === null ? "" : String(space.maxDeliveries));
  const [fault, setFault] = useState<unknown>();
  const wrong = (path: string) => (isEmitError(fault) ? fault.fields.find((field) => field.path === path)?.detail : undefined);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFault(undefined);
    const settings: SpaceSettings = { name, paused, retentionDays: Number(retention), maxPending: whole(pending), maxDeliveries: whole(deliveries) };
    try {
      queries.setQueryData(spaceOf(space.id).queryKey, await emit().spaces.edit(space.id, settings));
      await queries.invalidateQueries({ queryKey: ["spaces"] });
      say("Saved");
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <Card>
      <form onSubmit={submit} className="space-y-5">
        <Field label="Name" error={wrong("/name")}><Input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} /></Field>
        <div className="flex items-center gap-1 text-soft">Id <span className="font-mono text-[13px]">{space.id}</span><CopyButton text={space.id} label="Copy the id" /></div>
        <label className="flex items-start gap-2">
          <input type="checkbox" className="mt-0.5 size-4 accent-(--accent)" checked={paused} onChange={(event) => setPaused(event.target.checked)} />
          <span><span className="font-medium">Paused</span><span className="block text-soft">Hands out no jobs; what is running goes on, and new ones are taken in.</span></span>
        </label>
        <div className="grid gap-5 sm:grid-cols-3">
          <Field label="Keep ended jobs" hint="Days." error={wrong("/retentionDays")}><Input type="number" required min={0} max={3650} value={retention} onChange={(event) => setRetention(event.target.value)} /></Field>
          <Field label="Most waiting jobs" hint="Empty: any number." error={wrong("/maxPending")}><Input type="number" min={1} value={pending} onChange={(event) => setPending(event.target.value)} /></Field>
          <Field label="Most lost deliveries" hint="Of one attempt. Empty: no limit." error={wrong("/maxDeliveries")}><Input type="number" min={1} max={1000} value={deliveries} onChange={(event) => setDeliveries(event.target.value)} /></Field>
        </div>
        {fault !== undefined && <ErrorNotice error={fault} />}
        <Button type="submit" look="main">Save</Button>
      </form>
    </Card>
  );
}

function Danger({ space }: { space: Space }) {
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const [fault, setFault] = useState<unknown>();
  const navigate = useNavigate();
  const remove = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await emit().spaces.delete(space.id, { force: true });
      await queries.invalidateQueries({ queryKey: ["spaces"] });
      say(`Deleted ${space.name}`);
      navigate({ to: "/" });
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <Card title="Delete this space" aside={<Button look="bad" onClick={() => (setOpen(true), setTyped(""), setFault(undefined))}>Delete…</Button>}>
      <p className="text-soft">Its jobs, events and keys go with it, for good.</p>
      <Dialog open={open} onClose={() => setOpen(false)} title={`Delete ${space.name}?`}>
        <form onSubmit={remove} className="space-y-4">
          <Field label={`Type “${space.name}” to delete it`}><Input value={typed} onChange={(event) => setTyped(event.target.value)} /></Field>
          {fault !== undefined && <ErrorNotice error={fault} />}
          <Button type="submit" look="bad" disabled={typed !== space.name}>Delete for good</Button>
        </form>
      </Dialog>
    </Card>
  );
}
