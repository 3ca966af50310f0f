import { expect, test } from "vitest";
import { partsOf, percentOf, stepOf } from "./progress.ts";

test("what is no number and no text is not taken for one", () => {
  expect([{ percent: 140 }, { percentage: -1 }, { percent: "5" }, { percent: Number.POSITIVE_INFINITY }, null].map(percentOf)).toEqual([100, 0, undefined, undefined, undefined]);
  expect([{ message: { a: 1 }, step: "two" }, { stage: 3 }, undefined].map(stepOf)).toEqual(["two", undefined, undefined]);
});

test("parts are named by their name if it is one, else by where they stand", () => {
  expect(partsOf({ parts: [{ name: { a: 1 }, percent: 5 }, { name: "audio", percent: 6 }], video: { percent: 7 } })).toEqual([
    { name: "parts 1", percent: 5 }, { name: "audio", percent: 6 }, { name: "video", percent: 7 },
  ]);
  expect(partsOf("text")).toEqual([]);
});
