// The query language of the job list, as far as a page needs it: where the cursor is, and what may stand there. What a
// query means is the server's business alone (docs/searching.md).
import { STATUSES } from "emit-client";

export const WORDS: Record<string, string> = {
  status: "any of these, with commas between them",
  name: "the job’s name; * at its end: begins with",
  tag: "key=value",
  age: "created less (<) or more (>) than that ago",
  error: 'dead jobs whose error has this in it; "": no error text',
};

export interface Suggestion {
  /** The whole query when it is taken. */
  query: string;
  /** What is shown. */
  text: string;
  hint: string;
}

/** What is known of the space's jobs: names and tags that occur. */
export interface Known {
  names: string[];
  tags: string[];
}

const AGES = ["<5m", "<1h", "<24h", ">1h", ">1d", ">7d"];
const SHOWN_MAX = 8;

/** The term in which the cursor stands: from where to where, not across spaces outside quotes. */
export function termAt(query: string, cursor: number): { from: number; to: number } {
  let from = 0;
  let quoted = false;
  for (let at = 0; at < cursor; at++) {
    if (query[at] === '"') quoted = !quoted;
    else if (query[at] === "\\" && quoted) at++;
    else if (query[at] === " " && !quoted) from = at + 1;
  }
  let to = cursor;
  while (to < query.length && (quoted || query[to] !== " ")) if (query[to++] === '"') quoted = !quoted;
  return { from, to };
}

/** A value that means itself: spaces, quotes, an asterisk and nothing at all need quotes around them. */
export const quoted = (value: string): string => (/^$|[\s"*]/.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value);

/** The jobs that died of errors of one shape. Where these have no text in common, it finds the other dead jobs too. */
export const failuresQuery = ({ shape, common }: { shape: string; common: string }): string =>
  common || !shape ? `status:dead error:${quoted(common)}` : "status:dead";

/** The statuses that a search is for, and whether it asks for nothing else; nothing where any will do. */
export function statusesOf(query: string): { statuses: ReadonlySet<string>; alone: boolean } | undefined {
  const terms = [...query.matchAll(/(\w+):((?:"(?:\\.|[^"\\])*"|[^\s"])*)/g)].map(([, word, value]) => ({ word, value: value! }));
  const given = terms.find(({ word }) => word === "status")?.value.split(",");
  // Only the dead have errors.
  const statuses = terms.some(({ word }) => word === "error") ? (given ?? ["dead"]).filter((status) => status === "dead") : given;
  return statuses && { statuses: new Set(statuses), alone: terms.length === 1 };
}

export function suggestions(query: string, cursor: number, known: Known): Suggestion[] {
  const { from, to } = termAt(query, cursor);
  const term = query.slice(from, to);
  const colon = term.indexOf(":");
  const taken = (text: string) => `${query.slice(0, from)}${text}${query.slice(to)}`;
  if (colon < 0) {
    return Object.entries(WORDS)
      .filter(([word]) => word.startsWith(term) && (word === "tag" || word === "age" || !query.includes(`${word}:`)))
      .map(([word, hint]) => ({ query: taken(`${word}:`), text: `${word}:`, hint }));
  }
  const word = term.slice(0, colon);
  const value = term.slice(colon + 1);
  const done = (text: string, hint = ""): Suggestion => ({ query: taken(`${word}:${text} `), text: `${word}:${text}`, hint });
  if (word === "status") {
    const comma = value.lastIndexOf(",") + 1;
    const before = value.slice(0, comma);
    return STATUSES.filter((status) => status.startsWith(value.slice(comma)) && !before.includes(status)).map((status) => done(before + status));
  }
  const matching = (values: string[]) => values.filter((one) => one.toLowerCase().includes(value.toLowerCase().replace(/[*"]/g, ""))).slice(0, SHOWN_MAX);
  if (word === "name") {
    // In quotes an asterisk would be an ordinary one.
    const groups = [...new Set(known.names.filter((name) => /^[^\s"*.]+\./.test(name)).map((name) => `${name.split(".")[0]}.*`))];
    return [...matching(known.names).map((name) => done(quoted(name))), ...matching(groups).map((name) => done(name, "begins with"))].slice(0, SHOWN_MAX);
  }
  if (word === "tag") return matching(known.tags).map((tag) => done(quoted(tag)));
  if (word === "age") return AGES.filter((age) => age.startsWith(value)).map((age) => done(age));
  return [];
}
