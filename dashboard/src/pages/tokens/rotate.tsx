// A new secret in place of an old one.
import type { Token } from "emit-client";
import { useEffect, useState } from "react";
import { emit, queries, tokensOf } from "../../api.ts";
import { Button, ErrorNotice, Field, INPUT } from "../../ui/basics.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Secret } from "./secret.tsx";

const GRACES: [number, string][] = [[0, "not at all"], [300, "for 5 minutes"], [3_600, "for 1 hour"], [86_400, "for 24 hours"], [7 * 86_400, "for 7 days"]];

export function Rotate({ space, token, onClose }: { space: string; token: Token | undefined; onClose: () => void }) {
  const [grace, setGrace] = useState(3_600);
  const [made, setMade] = useState<string>();
  const [fault, setFault] = useState<unknown>();
  useEffect(() => {
    if (token) (setMade(undefined), setFault(undefined));
  }, [token]);
  const rotate = async () => {
    if (!token) return;
    try {
      setMade((await emit().tokens.rotate(space, token.tokenId, grace)).token);
      await queries.invalidateQueries({ queryKey: tokensOf(space).queryKey });
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <Dialog open={token !== undefined} onClose={onClose} title={`Rotate ${token?.name ?? ""}`}>
      {made ? <Secret token={made} onDone={onClose} /> : (
        <div className="space-y-4">
          <Field label="The old one still works" hint="Long enough for everything that holds it to get the new one."><select value={grace} onChange={(event) => setGrace(Number(event.target.value))} className={INPUT}>{GRACES.map(([value, text]) => <option key={value} value={value}>{text}</option>)}</select></Field>
          {fault !== undefined && <ErrorNotice error={fault} />}
          <Button look="main" onClick={rotate}>Rotate</Button>
        </div>
      )}
    </Dialog>
  );
}
