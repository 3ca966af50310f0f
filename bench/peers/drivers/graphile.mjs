// graphile-worker: jobs are added through its utilities, and its own runner works them. Argument: the database's URL.
// A schema for each queue, so that what one phase leaves is in no other's way.
import { setTimeout as sleep } from "node:timers/promises";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { Endings, RESULT, drive, fail, payload } from "./driver.mjs";

// PostgreSQL takes 100 connections by default; more than these only made it slower.
const CONNECTIONS = 32;

const logger = new Logger(() => (level, message) => {
  if (level === "error") fail(message);
});

async function open(schema, { clients, batch, phase }) {
  const pgPool = new pg.Pool({ connectionString: process.argv[2], max: CONNECTIONS });
  pgPool.on("error", fail);
  const utils = await makeWorkerUtils({ pgPool, schema, logger });
  await utils.migrate();
  const endings = new Endings();
  let runner;

  async function create(numbers) {
    if (numbers.length === 1) await utils.addJob("encode", payload(numbers[0]));
    else await utils.addJobs(numbers.map((number) => ({ identifier: "encode", payload: payload(number) })));
  }

  async function work(onStart) {
    // What its manual calls batching: jobs taken in groups, and completed in groups.
    const batching = batch > 1 ? { localQueue: { size: clients * 2 }, completeJobBatchDelay: 0 } : {};
    runner = await run({
      preset: { worker: { concurrentJobs: clients, schema, logger, ...batching } },
      pgPool,
      noHandleSignals: true,
      taskList: {
        async encode(data) {
          onStart?.(Number(data.number));
          return RESULT;
        },
      },
    });
    runner.events.on("job:complete", ({ error }) => (error ? fail(error) : endings.ended()));
    runner.events.on("worker:fatalError", ({ error }) => fail(error));
  }

  if (phase === "lives") await work();
  return {
    create,
    work,
    live: endings.live(create),
    // Its workers go on before a completion is committed, and no event tells when it is. Completed jobs are deleted.
    async settled() {
      if (phase !== "lives") return;
      while ((await pgPool.query(`SELECT FROM ${schema}._private_jobs LIMIT 1`)).rowCount > 0) await sleep(2);
    },
    async close() {
      await runner?.stop();
      await utils.release();
      await pgPool.end();
    },
  };
}

await drive(open);
