import { expect, test } from "vitest";
import { mayHaveLost, members, pretty } from "./raw-json.ts";

const TEXT = String.raw`{ "id":12345678901234567890, "2":1e400,"1": [1.0, {"a,}\"]": null}, []] ,"2":{},"\u0061b":"x\\"}`;

test("the members of an object keep their digits, their order and their doubles", () => {
  expect(members(TEXT)).toEqual([
    ["id", "12345678901234567890"], ["2", "1e400"], ["1", String.raw`[1.0, {"a,}\"]": null}, []]`], ["2", "{}"], ["ab", String.raw`"x\\"`],
  ]);
});

test("a list's items go by their number; what is empty or no branch has no members", () => {
  expect(members('[ 1,[2 , 3],"a" ]')).toEqual([["0", "1"], ["1", "[2 , 3]"], ["2", '"a"']]);
  for (const text of ["{}", " [ ] ", "7", '"{1,2}"', "null"]) expect(members(text)).toEqual([]);
});

test("text that is laid out says the same", () => {
  const value = { a: [1, { b: "x,y" }, []], c: {}, d: null };
  expect(pretty(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
  expect(pretty(pretty(TEXT))).toBe(pretty(TEXT));
  expect(members(pretty(TEXT))[0]).toEqual(["id", "12345678901234567890"]);
  expect(pretty("7")).toBe("7");
});

test("a megabyte in one string, and a branch as deep as the server takes", () => {
  const long = JSON.stringify({ text: 'ab"\\'.repeat(250_000) });
  expect(members(long)[0]![1]).toBe(long.slice(8, -1));
  const deep = "[".repeat(64) + "]".repeat(64);
  expect(members(deep)).toEqual([["0", deep.slice(1, -1)]]);
});

test("digits that a number may have lost are noticed", () => {
  expect([{ id: 9007199254740992 }, [1e25]].map(mayHaveLost)).toEqual([true, true]);
  expect([{ percent: 12.5 }, undefined, null, "12"].map(mayHaveLost)).toEqual([false, false, false, false]);
});
