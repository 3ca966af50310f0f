// A space's settings, and its end.
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { isEmitError, type Space, type SpaceSettings } from "emit-client";
import { type FormEvent, useState } from "react";
import { emit, queries, spaceOf, spacesList } from "../api.ts";
import { Button, Card, CopyButton, ErrorNotice, Field, Input, PageTitle, Waiting } from "../ui/basics.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { say } from "../ui/toast.tsx";
import { useBusy } from "../ui/use-busy.ts";
import { PushSettings } from "./push-settings.tsx";
import { SigningSecret, SlackSettings } from "./outbound-settings.tsx";

export function SettingsPage() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId/admin/settings" });
  const { data, error } = useQuery(spaceOf(spaceId));
  return (
    <>
      <PageTitle>Settings</PageTitle>
      {error && <ErrorNotice error={error} />}
      {!data ? !error && <Waiting /> : <div key={data.id} className="max-w-2xl space-y-4"><Form space={data} /><SlackSettings space={data} /><PushSettings space={data} /><SigningSecret space={data} /><Danger space={data} /></div>}
    </>
  );
}

/** What has been typed and not saved: the rest shows, and stays, as the server has it. */
interface Draft {
  name?: string;
  paused?: boolean;
  retentionDays?: string;
  maxPending?: string;
  maxDeliveries?: string;
}

const whole = (text: string): number | null => (text.trim() === "" ? null : Number(text));

/** Only what was changed: somebody else may have changed the rest meanwhile. */
function settingsOf({ name, paused, retentionDays, maxPending, maxDeliveries }: Draft): SpaceSettings {
  return {
    ...(name !== undefined && { name }),
    ...(paused !== undefined && { paused }),
    ...(retentionDays !== undefined && { retentionDays: Number(retentionDays) }),
    ...(maxPending !== undefined && { maxPending: whole(maxPending) }),
    ...(maxDeliveries !== undefined && { maxDeliveries: whole(maxDeliveries) }),
  };
}

function Form({ space }: { space: Space }) {
  const [draft, setDraft] = useState<Draft>({});
  const { busy, fault, run } = useBusy();
  const wrong = (path: string) => (isEmitError(fault) ? fault.fields.find((field) => field.path === path)?.detail : undefined);
  const change = (more: Draft) => setDraft({ ...draft, ...more });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      queries.setQueryData(spaceOf(space.id).queryKey, await emit().spaces.edit(space.id, settingsOf(draft)));
      setDraft({});
      await queries.invalidateQueries({ queryKey: spacesList().queryKey });
      say("Saved");
    });
  };
  return (
    <Card>
      <form onSubmit={submit} className="space-y-5">
        <Field label="Name" error={wrong("/name")}><Input required maxLength={200} value={draft.name ?? space.name} onChange={(event) => change({ name: event.target.value })} /></Field>
        <div className="flex min-w-0 items-center gap-1 text-soft">Id <span className="truncate font-mono text-code">{space.id}</span><CopyButton text={space.id} label="Copy the id" /></div>
        <label className="flex items-start gap-2">
          <input type="checkbox" className="mt-0.5 size-4 accent-(--accent)" checked={draft.paused ?? space.paused} onChange={(event) => change({ paused: event.target.checked })} />
          <span><span className="font-medium">Paused</span><span className="block text-soft">Hands out no jobs; what is running goes on, and new ones are taken in.</span></span>
        </label>
        <div className="grid gap-5 sm:grid-cols-3">
          <Field label="Keep ended jobs" hint="Days." error={wrong("/retentionDays")}><Input type="number" required min={0} max={3650} value={draft.retentionDays ?? space.retentionDays} onChange={(event) => change({ retentionDays: event.target.value })} /></Field>
          <Field label="Most waiting jobs" hint="Empty: any number." error={wrong("/maxPending")}><Input type="number" min={1} value={draft.maxPending ?? space.maxPending ?? ""} onChange={(event) => change({ maxPending: event.target.value })} /></Field>
          <Field label="Most lost deliveries" hint="Of one attempt. Empty: no limit." error={wrong("/maxDeliveries")}><Input type="number" min={1} max={1000} value={draft.maxDeliveries ?? space.maxDeliveries ?? ""} onChange={(event) => change({ maxDeliveries: event.target.value })} /></Field>
        </div>
        {fault !== undefined && <ErrorNotice error={fault} />}
        <Button type="submit" look="main" disabled={busy || Object.keys(draft).length === 0}>Save</Button>
      </form>
    </Card>
  );
}

function Danger({ space }: { space: Space }) {
  const [open, setOpen] = useState(false);
  return (
    <Card title="Delete this space" aside={<Button look="bad" onClick={() => setOpen(true)}>Delete…</Button>}>
      <p className="text-soft">Its jobs, events and keys go with it, for good.</p>
      <Dialog open={open} onClose={() => setOpen(false)} title={<>Delete <bdi>{space.name}</bdi>?</>}><Delete space={space} /></Dialog>
    </Card>
  );
}

function Delete({ space }: { space: Space }) {
  const [typed, setTyped] = useState("");
  const { busy, fault, run } = useBusy();
  const navigate = useNavigate();
  const remove = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await emit().spaces.delete(space.id, { force: true });
      await queries.invalidateQueries({ queryKey: spacesList().queryKey });
      say(`Deleted ${space.name}`);
      void navigate({ to: "/" });
    });
  };
  return (
    <form onSubmit={remove} className="space-y-4">
      <Field label={`Type “${space.name}” to delete it`}><Input value={typed} onChange={(event) => setTyped(event.target.value)} /></Field>
      {fault !== undefined && <ErrorNotice error={fault} />}
      <Button type="submit" look="bad" disabled={busy || typed !== space.name}>Delete for good</Button>
    </form>
  );
}
