// The load generator for systems whose clients are libraries of Node: the same contract as `emit-bench drive`. One
// phase comes in as a line of JSON, and what came of it goes out as one.
//
// A system is a function `open(queue, {batch, clients, progress})` that gives a session:
//   create(numbers)   one job for each number
//   live(numbers)     creates as many, and sees as many through to their end
//   work(onStart)     workers that wait for jobs and tell the numbers of those they start
//   settled()         optional: all that was said to be done is on the server too
//   close()
import { createInterface } from "node:readline";

const PATIENCE_MS = 30_000;
const SETTLE_MS = 1_000;
const TIMER_MS = 2;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** The same payload as the other load generator's. */
export function payload(number) {
  return {
    source: "s3://uploads/2025/02/24/clip-000123.mov",
    target: "s3://clips/000123.mp4",
    preset: "1080p",
    customer: "c_8f14e45f",
    notify: true,
    number: String(number).padStart(10, "0"),
  };
}

export const PROGRESS = { percent: 50, message: "frame 1200 of 2400" };
export const RESULT = { url: "s3://clips/000123.mp4", seconds: 80.1 };

/** For libraries with workers of their own: whoever created jobs waits for as many endings, whoever's they are. */
export class Endings {
  #spare = 0;
  #waiting = [];

  ended() {
    this.#spare += 1;
    while (this.#waiting.length > 0 && this.#waiting[0].count <= this.#spare) {
      const { count, resolve } = this.#waiting.shift();
      this.#spare -= count;
      resolve();
    }
  }

  /** A session's `live`: as many are created, and as many have ended. */
  live(create) {
    return async (numbers) => {
      await create(numbers);
      await this.take(numbers.length);
    };
  }

  take(count) {
    return new Promise((resolve) => {
      this.#waiting.push({ count, resolve });
      this.#spare -= 1;
      this.ended();
    });
  }
}

/** A library that reports an error in the background has failed the phase. */
export function fail(error) {
  console.error(error);
  process.exit(1);
}

export async function drive(open) {
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = { clients: 1, batch: 1, progress: false, seconds: 0, rate: 0, count: 0, ...JSON.parse(line) };
    const session = await open(asked.queue, asked);
    const answered = asked.phase === "latency" ? await latency(session, asked) : await loops(session, asked);
    await session.close();
    process.stdout.write(`${JSON.stringify(answered)}\n`);
  }
  process.exit(0);
}

/** Each client ends what it has begun; the time is that of the last answer. */
async function loops(session, { phase, clients, batch, seconds, count }) {
  let next = 0;
  let done = 0;
  const began = performance.now();
  const until = began + seconds * 1_000;
  const over = () => (phase === "fill" ? next >= count : performance.now() >= until);
  async function client() {
    while (!over()) {
      const numbers = Array.from({ length: batch }, (_, index) => next + index);
      next += batch;
      await (phase === "lives" ? session.live(numbers) : session.create(numbers));
      done += batch;
    }
  }
  await Promise.all(Array.from({ length: clients }, client));
  await session.settled?.();
  return { done, seconds: (performance.now() - began) / 1_000 };
}

/** From sending a create to a worker's having the job, creates leaving at their times whatever became of earlier ones. */
async function latency(session, { rate, seconds }) {
  const creates = Math.floor(rate * seconds);
  const sent = new Array(creates);
  const samples = [];
  await session.work((number) => samples.push(performance.now() - sent[number]));
  await sleep(SETTLE_MS);
  const first = performance.now();
  const under_way = [];
  for (let number = 0; number < creates; ) {
    const due = first + (number * 1_000) / rate;
    const now = performance.now();
    if (now < due) {
      await sleep(due - now);
      continue;
    }
    // A timer's lateness is not the server's; more than that is a queue, which counts.
    sent[number] = now - due > TIMER_MS ? due : now;
    under_way.push(session.create([number]));
    number += 1;
  }
  await Promise.all(under_way);
  const deadline = performance.now() + PATIENCE_MS;
  while (samples.length < creates && performance.now() < deadline) await sleep(10);
  if (samples.length !== creates) throw new Error(`of ${creates} jobs ${samples.length} were started`);
  samples.sort((a, b) => a - b);
  const at = (share) => samples[Math.round((samples.length - 1) * share)];
  return { done: creates, seconds: (performance.now() - first) / 1_000, p50_ms: at(0.5), p99_ms: at(0.99) };
}
