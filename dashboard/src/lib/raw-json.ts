// JSON as its text: numbers keep every digit, fields their order, and of a repeated name both are kept. `JSON.parse` loses
// all three, and what an operator sees or creates again must be what is stored. The text is taken to be valid.

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const OPENS = new Set(["{", "["]);
const CLOSES = new Set(["}", "]"]);

/** The fields of an object, or the items of a list by their number: each value as it was written. */
export function members(text: string): [name: string, value: string][] {
  const found: [string, string][] = [];
  let depth = 0;
  let from = -1;
  let to = -1;
  let name: string | undefined;
  const end = () => {
    if (from >= 0) found.push([name ?? String(found.length), text.slice(from, to)]);
    from = -1;
    name = undefined;
  };
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (CLOSES.has(token) && --depth === 0) end();
    if (depth === 1 && token === ",") end();
    else if (depth === 1 && token === ":") {
      name = JSON.parse(text.slice(from, to)) as string;
      from = -1;
    } else {
      if (depth === 1 && from < 0) from = index;
      if (OPENS.has(token)) depth++;
      to = index + token.length;
    }
  }
  return found;
}

/** The same, to be read: a line for each value. */
export function pretty(text: string): string {
  let out = "";
  let depth = 0;
  let last = ",";
  const line = () => (out ? `\n${"  ".repeat(depth)}` : "");
  for (const [token] of text.matchAll(TOKENS)) {
    if (CLOSES.has(token)) {
      depth--;
      out += OPENS.has(last) ? token : line() + token;
    } else {
      if (OPENS.has(last) || last === ",") out += line();
      out += token === ":" ? ": " : token;
    }
    if (OPENS.has(token)) depth++;
    last = token;
  }
  return out;
}

/** Whether a value that went through `JSON.parse` may have lost digits on its way. */
export const mayHaveLost = (value: unknown): boolean => /\d{16}|\de\+/.test(JSON.stringify(value) ?? "");
