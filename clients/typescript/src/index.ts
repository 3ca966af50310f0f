// What the package offers. Nothing here that a browser need not load for what it uses.
export { Emit } from "./emit.ts";
export { EmitError, JobEndedError, isEmitError, type ErrorCode } from "./errors.ts";
export type { EmitOptions } from "./http.ts";
export type { BulkOptions, JobsPage, ListOptions } from "./jobs.ts";
export * from "./types.ts";
export type { Connection, WatchOptions } from "./watch/watch.ts";
export { JobFailure, type Handler, type JobContext } from "./worker/context.ts";
export type { Worker, WorkerOptions } from "./worker/worker.ts";
