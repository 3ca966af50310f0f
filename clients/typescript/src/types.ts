// The words of the wire. Shapes come from the API's description; what it calls "a string" has its words here.
import type { components } from "./openapi.ts";

type Schemas = components["schemas"];
type With<T, More> = Omit<T, keyof More> & More;

export const STATUSES = ["scheduled", "pending", "delivered", "running", "completed", "dead", "killed"] as const;
export type JobStatus = (typeof STATUSES)[number];
export type EndStatus = "completed" | "dead" | "killed";

/** What happened. A newer server may know more types. */
export type EventType =
  | "created" | "enqueued" | "delivered" | "acked" | "delivery_timeout" | "released" | "progress" | "checkpoint"
  | "custom" | "completed" | "retried" | "dead" | "updated" | "killed" | "requeued" | "erased" | "log"
  | "callback_sent" | "callback_failed";

export type Scope =
  | "jobs:create" | "jobs:read" | "jobs:read:space" | "jobs:read:progress" | "jobs:poll" | "jobs:ack" | "jobs:progress"
  | "jobs:complete" | "jobs:fail" | "jobs:keepalive" | "jobs:event" | "jobs:kill" | "jobs:write" | "jobs:worker" | "admin";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, unknown>;

/** A job as it is created. Times are RFC 3339; durations are seconds. */
export type NewJob<Payload = unknown> = With<Schemas["CreateRequest"], { payload?: Payload; tags?: Record<string, string> | null }>;

/** A job as it is read. Lists leave out `payload` and `result` unless they are asked for. */
export type Job<Payload = any, Result = any> = With<
  Schemas["Job"],
  {
    status: JobStatus;
    payload?: Payload;
    result?: Result;
    progress?: any;
    checkpoint?: any;
    tags: Record<string, string> | null;
    events?: JobEvent[];
  }
>;

/** A job as a worker gets it. */
export type DeliveredJob<Payload = any> = Job<Payload> & { payload: Payload };

/** One durable, numbered fact about a job. `seq` counts per space, without gaps. */
export interface JobEvent<Data = any> {
  jobId: string;
  jobName: string;
  type: EventType;
  status: JobStatus;
  /** What belongs to it; a public token sees it on `progress` only. */
  data?: Data;
  timestamp: string;
  seq: number;
}

/** The first message of a job's stream: where the job is now. */
export interface Init {
  jobId: string;
  jobName: string;
  type: "init";
  status: JobStatus;
  data?: undefined;
  timestamp: string;
  seq: number;
}

/** What was asked for is no longer kept, or never was: what follows does not join on to what was seen. */
export interface Gap {
  jobId: null;
  jobName: null;
  type: "gap";
  status: null;
  data: { reason: "retention" | "ahead"; oldest: number; newest: number };
  timestamp: string;
  seq: number;
}

export type JobMessage = Init | JobEvent | Gap;
export type SpaceMessage = JobEvent | Gap;

export type Counts = Record<JobStatus, number>;
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogLine = With<Schemas["LogLine"], { level: LogLevel; fields: JsonObject | null }>;
export type NewLogLine = { level: LogLevel; message: string; timestamp?: string; fields?: JsonObject };
export type Progress<Data = any> = With<Schemas["Progress"], { status: JobStatus; data: Data | null }>;
export type JobEdit = Schemas["EditRequest"];
export type Me = With<Schemas["Me"], { scopes: Scope[] }>;
export type Token = With<Schemas["Token"], { scopes: Scope[] }>;
/** A key that was just made: its secret is shown here and never again. */
export type MadeToken = Token & { token: string };
export type NewToken = { name: string; scopes: Scope[]; expiresAt?: string | null; jobId?: string | null };
export type Space = Schemas["Space"];
export type SpaceSettings = Schemas["SpaceRequest"];
export type Stats = Schemas["Stats"];
export type Failures = Schemas["Failures"];
export type BulkResult = Schemas["Bulk"];
export type ProblemBody = Schemas["Problem"];

export const isEnd = (status: string | null | undefined): status is EndStatus =>
  status === "completed" || status === "dead" || status === "killed";
