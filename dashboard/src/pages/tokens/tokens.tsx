// The keys of a space: the public one ready to be copied, the others without their secrets.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { Token } from "emit-client";
import { Plus, RefreshCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { emit, queries, tokensOf } from "../../api.ts";
import { ago } from "../../lib/format.ts";
import { shortId } from "../../lib/ids.ts";
import { Button, Card, CopyButton, ErrorNotice, Input, PageTitle, Waiting } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { say, sayError } from "../../ui/toast.tsx";
import { CreateToken } from "./create.tsx";
import { Rotate } from "./rotate.tsx";

export function TokensPage() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId/admin/tokens" });
  const { data, error } = useQuery(tokensOf(spaceId));
  const [creating, setCreating] = useState(false);
  // Here and not in its row: the row goes with the old key, and the new secret must stay to be seen.
  const [rotating, setRotating] = useState<Token>();
  const open = data?.filter((token) => token.token) ?? [];
  const secret = data?.filter((token) => !token.token) ?? [];
  return (
    <>
      <PageTitle aside={<Button look="main" icon={Plus} onClick={() => setCreating(true)}>New key</Button>}>Tokens</PageTitle>
      {error && <ErrorNotice error={error} />}
      {!data ? !error && <Waiting /> : (
        <div className="space-y-4">
          {open.map((token) => <Public key={token.tokenId} token={token} onRotate={() => setRotating(token)} />)}
          <Card title="Keys" flush>
            {secret.length === 0 ? <p className="p-4 text-soft">This space has no keys of its own yet. Make one for whoever creates jobs, and one for its workers.</p> : (
              <ul className="divide-y divide-line">{secret.map((token) => <Row key={token.tokenId} token={token} space={spaceId} onRotate={() => setRotating(token)} />)}</ul>
            )}
          </Card>
        </div>
      )}
      <Rotate space={spaceId} token={rotating} onClose={() => setRotating(undefined)} />
      <CreateToken space={spaceId} open={creating} onClose={() => setCreating(false)} />
    </>
  );
}

function Public({ token, onRotate }: { token: Token; onRotate: () => void }) {
  return (
    <Card title={token.name} aside={<Button icon={RefreshCw} onClick={onRotate}>Rotate</Button>}>
      <p className="mb-3 text-soft">May stand in a page or an app: with it, whoever knows a job’s id sees that job’s status and progress, and nothing else.</p>
      <div className="flex max-w-2xl gap-2"><Input readOnly aria-label="Public token" value={token.token} onFocus={(event) => event.target.select()} className="font-mono text-code" /><CopyButton text={token.token!} label="Copy the public token" look="plain">Copy</CopyButton></div>
      {token.expiresAt && <p className="mt-2 text-warn">Rotated: ends {ago(token.expiresAt)}.</p>}
    </Card>
  );
}

function Row({ token, space, onRotate }: { token: Token; space: string; onRotate: () => void }) {
  const [revoking, setRevoking] = useState(false);
  const revoke = async () => {
    try {
      await emit().tokens.revoke(space, token.tokenId);
      say(`Revoked ${token.name}`);
    } catch (error) {
      sayError(error);
    }
    setRevoking(false);
    await queries.invalidateQueries({ queryKey: tokensOf(space).queryKey });
  };
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-full sm:basis-64">
        <div className="flex items-baseline gap-2"><span className="truncate font-medium" title={token.name}><bdi>{token.name}</bdi></span>{token.jobId && <span className="shrink-0 rounded bg-sunken px-1.5 text-soft text-xs">job {shortId(token.jobId)}</span>}</div>
        <div className="mt-1 flex flex-wrap gap-1">{token.scopes.map((scope) => <code key={scope} className="rounded bg-sunken px-1.5 py-0.5 text-xs">{scope}</code>)}</div>
      </div>
      <div className="text-soft sm:text-right">
        <div>{token.lastUsedAt ? `used ${ago(token.lastUsedAt)}` : "never used"}</div>
        {token.expiresAt && <div className="text-warn">{Date.parse(token.expiresAt) < Date.now() ? "expired" : `ends ${ago(token.expiresAt)}`}</div>}
      </div>
      <div className="ml-auto flex gap-1">
        <Button look="quiet" icon={RefreshCw} onClick={onRotate} aria-label={`Rotate ${token.name}`} title="Rotate" className="w-8 px-0" />
        <Button look="quiet" icon={Trash2} onClick={() => setRevoking(true)} aria-label={`Revoke ${token.name}`} title="Revoke" className="w-8 px-0" />
      </div>
      <Dialog open={revoking} onClose={() => setRevoking(false)} title={`Revoke ${token.name}?`}>
        <p className="mb-4 text-soft">It stops working at once, and streams that were opened with it close.</p>
        <div className="flex justify-end gap-2"><Button onClick={() => setRevoking(false)}>Cancel</Button><Button look="bad" onClick={revoke}>Revoke</Button></div>
      </Dialog>
    </li>
  );
}
