import type { Job } from "emit-client";
import { expect, test } from "vitest";
import { attemptsOf, type Step, stepsOf } from "./attempts.ts";

const at = (second: number) => new Date(second * 1_000).toISOString();
const step = (type: Step["type"], second: number, data?: unknown): Step => ({ type, status: "pending", timestamp: at(second), data });
const job = (more: Partial<Job>) => ({ createdAt: at(0), status: "running", attemptNumber: 0, ...more }) as Job;
const shape = (found: ReturnType<typeof attemptsOf>) =>
  found.map(({ number, end, stretches }) => [number, end, stretches.map(({ phase, from, to }) => [phase, from / 1_000, to / 1_000])]);

test("two attempts, from all their events", () => {
  const steps = [step("created", 0), step("delivered", 1), step("acked", 2), step("retried", 5, { attemptNumber: 1, error: "x" }), step("delivered", 6)];
  expect(stepsOf(job({ deliveredAt: at(6) }), steps)).toEqual(steps);
  expect(shape(attemptsOf(steps, 8_000, 1))).toEqual([
    [0, "failed", [["waiting", 0, 1], ["delivered", 1, 2], ["running", 2, 5]]], [1, undefined, [["waiting", 5, 6], ["delivered", 6, 8]]],
  ]);
});

test("what is no longer kept is told from the job", () => {
  const running = job({ deliveredAt: at(10), startedAt: at(11), attemptNumber: 2 });
  expect(shape(attemptsOf(stepsOf(running, []), 20_000, 2))).toEqual([[2, undefined, [["waiting", 0, 10], ["delivered", 10, 11], ["running", 11, 20]]]]);
  const steps = [step("retried", 5, { attemptNumber: 2, error: "x" })];
  expect(shape(attemptsOf(stepsOf(running, steps), 9_000, 2)).map(([number]) => number)).toEqual([1, 2]);
  const dead = job({ status: "dead", completedAt: at(7), result: { error: "late" } });
  expect(attemptsOf(stepsOf(dead, []), 9_000)[0]).toMatchObject({ end: "dead", error: "late" });
});
