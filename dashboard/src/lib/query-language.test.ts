import { expect, test } from "vitest";
import { failuresQuery, quoted, statusesOf, suggestions, termAt } from "./query-language.ts";

const known = { names: ["video.encode", "video.cut", "mail"], tags: ["customer=42", "note=a b"] };
const texts = (query: string, cursor = query.length) => suggestions(query, cursor, known).map(({ text }) => text);

test("an empty place offers every word, a used one not again", () => {
  expect(texts("")).toEqual(["status:", "name:", "tag:", "age:", "error:"]);
  expect(texts("status:dead ")).toEqual(["name:", "tag:", "age:", "error:"]);
  expect(texts("na")).toEqual(["name:"]);
});

test("values come from what is there", () => {
  expect(texts("status:de")).toEqual(["status:delivered", "status:dead"]);
  expect(texts("status:dead,k")).toEqual(["status:dead,killed"]);
  expect(texts("name:vid")).toEqual(["name:video.encode", "name:video.cut", "name:video.*"]);
  expect(texts("tag:note")).toEqual(['tag:"note=a b"']);
});

test("the rest of the query stays as it is", () => {
  const [first] = suggestions("na status:dead", 2, known);
  expect(first?.query).toBe("name: status:dead");
});

test("a term may hold spaces in quotes", () => {
  expect(termAt('error:"a b" x', 9)).toEqual({ from: 0, to: 11 });
  expect(termAt("a b", 3)).toEqual({ from: 2, to: 3 });
  expect(quoted('a "b"')).toBe('"a \\"b\\""');
});

test("what would mean something else stands in quotes", () => {
  expect(["a.b", "a*", "", "\\"].map(quoted)).toEqual(["a.b", '"a*"', '""', "\\"]);
  expect(failuresQuery({ shape: "", common: "" })).toBe('status:dead error:""');
  expect(failuresQuery({ shape: "…", common: "" })).toBe("status:dead");
  expect(failuresQuery({ shape: "no *", common: "no *" })).toBe('status:dead error:"no *"');
});

test("the statuses of a search are known", () => {
  const known = (query: string) => {
    const found = statusesOf(query);
    return found && [[...found.statuses], found.alone];
  };
  expect(known("status:dead")).toEqual([["dead"], true]);
  expect(known('name:"status:x y" status:dead,killed')).toEqual([["dead", "killed"], false]);
  expect(known('error:"a b"')).toEqual([["dead"], true]);
  expect(known("name:a age:<1h")).toBeUndefined();
});
