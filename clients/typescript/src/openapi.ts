// Made by generate.mjs from the server's description of its API; a test compares them.
export interface components {
    schemas: {
        /** @description What happened in one part of the span. */
        Bucket: {
            /**
             * Format: int32
             * @description Jobs completed.
             */
            completed: number;
            /**
             * Format: int32
             * @description Jobs created.
             */
            created: number;
            /**
             * Format: int32
             * @description Jobs that died.
             */
            dead: number;
            /**
             * Format: int32
             * @description Jobs that were killed.
             */
            killed: number;
            /**
             * Format: int32
             * @description Attempts that failed with retries left.
             */
            retried: number;
        };
        /** @description What a bulk call did. */
        Bulk: {
            /** @description Jobs changed; in a dry run, that would be. */
            count: number;
            /** @description Others match beyond the limit. */
            more: boolean;
        };
        /** @description Kills or requeues many jobs, the oldest first. */
        BulkRequest: {
            /**
             * Format: date-time
             * @description Only jobs created before.
             */
            createdBefore?: string;
            /**
             * @description Only count.
             * @default false
             */
            dryRun?: boolean;
            /**
             * Format: int64
             * @description At most that many.
             * @default 100
             */
            limit?: number;
            /** @description Only jobs of this name. */
            name?: string;
            /** @description A terminal one to requeue, any other to kill. */
            status: string;
        };
        /** @description Jobs by status. */
        Counts: {
            /**
             * Format: int64
             * @description Ended well.
             */
            completed: number;
            /**
             * Format: int64
             * @description Ended without success.
             */
            dead: number;
            /**
             * Format: int64
             * @description A worker has them and has not acked.
             */
            delivered: number;
            /**
             * Format: int64
             * @description Ended from outside.
             */
            killed: number;
            /**
             * Format: int64
             * @description Wait for a worker.
             */
            pending: number;
            /**
             * Format: int64
             * @description A worker has acked.
             */
            running: number;
            /**
             * Format: int64
             * @description Wait for their time.
             */
            scheduled: number;
        };
        /** @description A job to be created. */
        CreateRequest: {
            /** @description Headers to send along, at most 20; their values are never answered. */
            callbackHeaders?: {
                [key: string]: string;
            } | null;
            /**
             * @description Where its end is told, with a signed POST.
             * @example https://example.com/jobs/ended
             */
            callbackUrl?: string | null;
            /**
             * Format: int64
             * @description How long a worker may take to ack; at most `timeoutSeconds`, by default 60 or that.
             */
            deliveryTimeoutSeconds?: number;
            /**
             * Format: date-time
             * @description A job still waiting then is dead.
             */
            expiresAt?: string | null;
            /** @description The same key again within 24 hours answers the first job. The header `Idempotency-Key` does the same. */
            idempotencyKey?: string | null;
            /**
             * Format: int64
             * @description Retries after the first attempt.
             * @default 3
             */
            maxRetries?: number;
            /**
             * @description What kind of work it is; no control characters.
             * @example generate-report
             */
            name: string;
            /** @description Any JSON, handed to the worker as sent. */
            payload?: unknown;
            /**
             * Format: int64
             * @description Higher first.
             * @default 0
             */
            priority?: number;
            retryBackoff?: components["schemas"]["RetryBackoff"] | null;
            /**
             * Format: date-time
             * @description Not before then; at most ten years ahead.
             */
            scheduledFor?: string | null;
            /** @description Up to 16 pairs to find the job by: keys of 1 to 50 characters without `:`, values of up to 200. */
            tags?: {
                [key: string]: string;
            } | null;
            /**
             * Format: int64
             * @description How long an attempt may run without a sign of life.
             * @default 300
             */
            timeoutSeconds?: number;
        };
        /** @description Changes a waiting job. What is left out stays. */
        EditRequest: {
            /**
             * Format: date-time
             * @description `null`: never.
             */
            expiresAt?: string | null;
            /**
             * Format: int64
             * @description Retries after the first attempt.
             */
            maxRetries?: number;
            /** @description Any JSON. */
            payload?: unknown;
            /**
             * Format: int64
             * @description Higher first.
             */
            priority?: number;
            /**
             * Format: date-time
             * @description `null`: now.
             */
            scheduledFor?: string | null;
        };
        /** @description One durable, numbered fact about a job. */
        Event: {
            /** @description What belongs to it, if this type carries anything. */
            data?: unknown;
            /** @description The job. */
            jobId: string;
            /** @description Its name. */
            jobName: string;
            /**
             * Format: int64
             * @description Its number in the space.
             */
            seq: number;
            /** @description The job's status after it. */
            status: string;
            /**
             * Format: date-time
             * @description When; never falls along `seq`.
             */
            timestamp: string;
            /** @description What happened. */
            type: string;
        };
        /** @description An attempt has failed. */
        FailRequest: {
            /** @description What went wrong. */
            error: string;
            /**
             * Format: double
             * @description Beats the back-off; never jittered.
             */
            retryAfterSeconds?: number;
            /**
             * @description `false`: no further attempt.
             * @default true
             */
            retryable?: boolean;
        };
        /** @description An endpoint that did not take what it was told. */
        FailingEndpoint: {
            /** @description Scheme, host and port. */
            endpoint: string;
            /**
             * Format: int64
             * @description Callbacks of which no further try comes; `POST /jobs/{jobId}/callback` sends one again.
             */
            givenUp: number;
            /** @description Why there was none, or why it does not count. */
            lastError: string | null;
            /**
             * Format: int32
             * @description The answer to it, if there was one.
             */
            lastStatusCode: number | null;
            /**
             * Format: date-time
             * @description When the latest failure was.
             */
            lastTriedAt: string;
            /**
             * Format: date-time
             * @description When the next try is due.
             */
            nextTryAt: string | null;
            /**
             * Format: int64
             * @description Callbacks that failed and will be tried again.
             */
            waiting: number;
        };
        /** @description Errors of one shape: alike but for numbers, ids and what stands in quotes. */
        FailureGroup: {
            /** @description A text that all of them hold: search for it with `error:`. */
            common: string;
            /** @description How many. */
            count: number;
            /** @description Names of their jobs; at most 5. */
            names: string[];
            /**
             * Format: date-time
             * @description And when it died.
             */
            newestAt: string | null;
            /** @description And of what. */
            newestError: string;
            /** @description The newest of them. */
            newestJobId: string;
            /** @description The error, with `…` where they differ. */
            shape: string;
        };
        /** @description What jobs die of, among the newest 10,000 that did. */
        Failures: {
            /** @description The most frequent first; at most 100. */
            groups: components["schemas"]["FailureGroup"][];
            /** @description How many were looked at. */
            looked: number;
            /** @description Others died before them. */
            more: boolean;
        };
        /** @description One field or parameter that is wrong. */
        FieldError: {
            /** @description What is wrong with it. */
            detail: string;
            /** @description JSON Pointer into the body, or `/` and the name of a query parameter or header. */
            path: string;
        };
        /** @description A job. `null` where there is nothing yet. */
        Job: {
            /**
             * Format: int64
             * @description The attempt under way, from 0.
             */
            attemptNumber: number;
            /**
             * Format: date-time
             * @description When it may be claimed.
             */
            availableAt: string;
            /** @description As given, with `***` in place of the values. */
            callbackHeaders: {
                [key: string]: string;
            } | null;
            /** @description As given. */
            callbackUrl: string | null;
            /** @description The latest. Left out of answers to reports. */
            checkpoint?: Record<string, never> | null;
            /**
             * Format: date-time
             * @description Its end, of any kind.
             */
            completedAt: string | null;
            /**
             * Format: date-time
             * @description When it was created.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When its latest delivery began.
             */
            deliveredAt: string | null;
            /**
             * Format: int64
             * @description Deliveries so far.
             */
            deliveryCount: number;
            /** @description The latest delivery: send it back as `x-emit-delivery`. */
            deliveryId: string | null;
            /**
             * Format: int64
             * @description How long a worker may take to ack.
             */
            deliveryTimeoutSeconds: number;
            /** @description Its latest 100 events, ascending; only when one job is read. */
            events?: components["schemas"]["Event"][];
            /**
             * Format: date-time
             * @description As given.
             */
            expiresAt: string | null;
            /** @description Its id. */
            id: string;
            /** @description As given. */
            idempotencyKey: string | null;
            /**
             * Format: int64
             * @description Retries after the first attempt.
             */
            maxRetries: number;
            /** @description What kind of work it is. */
            name: string;
            /** @description As sent. Left out of lists (unless `include=payload`) and of answers to reports. */
            payload?: unknown;
            /**
             * Format: int64
             * @description Higher first.
             */
            priority: number;
            /** @description The latest. Left out of answers to reports. */
            progress?: Record<string, never> | null;
            /** @description Where to watch it; only when it is created. A key is to be added. */
            realtimeUrl?: string;
            /** @description What it ended with: of a dead job `{error}`, of a killed one `{reason}`. Left out as payload is. */
            result?: unknown;
            retryBackoff: components["schemas"]["RetryBackoff"] | null;
            /**
             * Format: date-time
             * @description As given.
             */
            scheduledFor: string | null;
            /**
             * Format: int64
             * @description The number of its last event.
             */
            seq: number;
            /** @description The space it belongs to. */
            spaceId: string;
            /**
             * Format: date-time
             * @description When its latest delivery was acked.
             */
            startedAt: string | null;
            /** @description `scheduled`, `pending`, `delivered`, `running`, `completed`, `dead` or `killed`. */
            status: string;
            /** @description As given. */
            tags: {
                [key: string]: string;
            } | null;
            /**
             * Format: date-time
             * @description When its present state times out.
             */
            timeoutAt: string | null;
            /**
             * Format: int64
             * @description How long an attempt may run without a sign of life.
             */
            timeoutSeconds: number;
            /** @description W3C trace context of the create request. */
            traceparent: string | null;
            /**
             * Format: date-time
             * @description When it last changed.
             */
            updatedAt: string;
            /** @description The worker of the latest delivery, by its own words. */
            workerId: string | null;
        };
        /** @description What a keepalive answers. */
        Keepalive: {
            /**
             * Format: double
             * @description How long that is from now; never below 0.
             */
            secondsLeft: number;
            /**
             * Format: date-time
             * @description When the present state times out.
             */
            timeoutAt: string | null;
        };
        /** @description Ends a job from outside. */
        KillRequest: {
            /** @description Why. */
            reason?: string | null;
        };
        /** @description One line of a job's log. */
        LogLine: {
            /** @description What belongs to it. */
            fields: Record<string, never> | null;
            /** @description `debug`, `info`, `warn` or `error`. */
            level: string;
            /**
             * Format: int64
             * @description Its number, from 1.
             */
            line: number;
            /** @description What it says. */
            message: string;
            /**
             * Format: date-time
             * @description When.
             */
            timestamp: string;
        };
        /** @description One line; message and fields together at most 8 KiB. */
        LogLineRequest: {
            /** @description Anything that belongs to it. */
            fields?: Record<string, never> | null;
            /** @description `debug`, `info`, `warn` or `error`. */
            level: string;
            /** @description What it says. */
            message: string;
            /**
             * Format: date-time
             * @description When; by default, now.
             */
            timestamp?: string | null;
        };
        /** @description Which numbers log lines were given. */
        LogRange: {
            /**
             * Format: int64
             * @description The first.
             */
            fromLine: number;
            /**
             * Format: int64
             * @description The last.
             */
            toLine: number;
        };
        /** @description Lines for a job's log. */
        LogsRequest: {
            /** @description At least one. */
            lines: components["schemas"]["LogLineRequest"][];
        };
        /** @description The key that a request came with. */
        Me: {
            /**
             * Format: date-time
             * @description When it ends.
             */
            expiresAt: string | null;
            /** @description The job it is bound to. */
            jobId: string | null;
            /** @description The scopes as they were granted. */
            scopes: string[];
            /** @description The space it is bound to. */
            spaceId: string | null;
            /** @description Its id. */
            tokenId: string;
        };
        /** @description Asks for a throw-away key that sees the progress of one job. */
        MintRequest: {
            /**
             * Format: int64
             * @description How long it lives.
             */
            expiresInSeconds: number;
        };
        /** @description The same of one name, over the whole span. */
        NameStats: {
            /** @description The jobs' name. */
            name: string;
            runSeconds: components["schemas"]["Percentiles"] | null;
            /** @description What happened. */
            total: components["schemas"]["Bucket"];
            waitSeconds: components["schemas"]["Percentiles"] | null;
        };
        /** @description A spread of durations, in seconds. */
        Percentiles: {
            /** @description How many there were. */
            count: number;
            /**
             * Format: double
             * @description Half took at most that.
             */
            p50: number;
            /**
             * Format: double
             * @description 95 of 100.
             */
            p95: number;
            /**
             * Format: double
             * @description 99 of 100.
             */
            p99: number;
        };
        /** @description What a poll answers. */
        Poll: {
            /** @description The jobs, the first to be worked on first. */
            jobs: components["schemas"]["Job"][];
        };
        /** @description Asks for jobs. Of several filters the first of `types`, `type`, `names`, `name` counts. */
        PollRequest: {
            /**
             * @description Ack in the same step.
             * @default false
             */
            autoAck?: boolean;
            /**
             * Format: int64
             * @description At most that many.
             * @default 1
             */
            count?: number;
            /** @description Only jobs of this name. */
            name?: string;
            /** @description Only jobs of these names. */
            names?: string[];
            /** @description Only jobs of this name. */
            type?: string;
            /** @description Only jobs of these names. */
            types?: string[];
            /**
             * Format: double
             * @description How long to wait for the first job.
             * @default 0
             */
            waitSeconds?: number;
        };
        /** @description An error. */
        Problem: {
            /** @description What went wrong, for programs. New ones may be added. */
            code: string;
            /** @description What happened here. */
            detail: string;
            /** @description On every 422 about a field or parameter. */
            errors?: components["schemas"]["FieldError"][];
            /** @description On a 409: the job's present status. */
            jobStatus?: string;
            /** @description Also the header `x-request-id`, also in the server's log. */
            requestId: string;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description What happened, in a few words. */
            title: string;
            /** @description Where the code's page is: `/errors/` and the code. */
            type: string;
        };
        /** @description A job's latest progress, and nothing else of it: what the weak view may see. */
        Progress: {
            /** @description The latest progress as sent; `null` before the first. */
            data: Record<string, never> | null;
            /** @description The job. */
            jobId: string;
            /** @description Its name. */
            jobName: string;
            /**
             * Format: int64
             * @description The number of its event.
             */
            seq: number | null;
            /** @description Its status. */
            status: string;
            /**
             * Format: date-time
             * @description When it was reported.
             */
            timestamp: string | null;
        };
        /** @description `job.pending` requests for workers that do not poll. */
        PushSettings: {
            /** @description Headers to send along; their values are answered masked. */
            headers?: {
                [key: string]: string;
            } | null;
            /** @description Only for jobs of these names; empty: for all. */
            names?: string[];
            /** @description Where to. */
            url: string;
        };
        /** @description Gives a job back. */
        ReleaseRequest: {
            /**
             * Format: double
             * @description Available again after that long.
             * @default 0
             */
            afterSeconds?: number;
        };
        /** @description What became of one report among many. */
        ReportAnswer: {
            /**
             * Format: int32
             * @description The HTTP status that the single call would have had.
             */
            code: number;
            job?: components["schemas"]["Job"] | null;
            /** @description Why it was not taken. */
            problem?: components["schemas"]["Problem"];
            /** @description What a keepalive or logs answer. */
            result?: unknown;
        };
        /** @description One report among many. */
        ReportItem: {
            /** @description The body that the single call would have. */
            body?: unknown;
            /** @description The delivery it comes from. */
            deliveryId?: string | null;
            /** @description Of which job. */
            jobId: string;
            /** @description `ack`, `release`, `progress`, `checkpoint`, `event`, `logs`, `keepalive`, `complete` or `fail`. */
            report: string;
        };
        /** @description Delay before the n-th retry: min(delaySeconds · 2^(n−1), maxDelaySeconds). */
        RetryBackoff: {
            /**
             * Format: double
             * @description The first delay; required but for `none`.
             */
            delaySeconds?: number;
            /**
             * @description Draw the delay from 0 to the computed one.
             * @default false
             */
            jitter?: boolean;
            /**
             * Format: double
             * @description No delay is longer.
             * @default 86400
             */
            maxDelaySeconds?: number;
            /** @description `none`, `fixed` or `exponential`. */
            strategy: string;
        };
        /** @description How a key is to be replaced. */
        RotateRequest: {
            /**
             * Format: double
             * @description How long the old one works on.
             * @default 0
             */
            graceSeconds?: number;
        };
        /** @description Messages to a Slack channel. */
        SlackSettings: {
            /** @description Which are told; `dead` by default. */
            events?: ("created" | "acked" | "completed" | "retried" | "dead" | "killed")[];
            /** @description Slack's incoming webhook; answered masked. */
            webhookUrl: string;
        };
        /** @description A space and its settings. */
        Space: {
            /**
             * Format: date-time
             * @description When it was created.
             */
            createdAt: string;
            /** @description Its id. */
            id: string;
            /**
             * Format: int32
             * @description Delivery timeouts of one attempt until the job is dead.
             */
            maxDeliveries: number | null;
            /**
             * Format: int64
             * @description Most jobs that may wait.
             */
            maxPending: number | null;
            /** @description What people call it. */
            name: string;
            /** @description Hands out no jobs. */
            paused: boolean;
            push: components["schemas"]["PushSettings"] | null;
            /**
             * Format: int64
             * @description How long ended jobs and events are kept.
             */
            retentionDays: number;
            slack: components["schemas"]["SlackSettings"] | null;
            /** @description What callbacks are signed with: shown once, when it is made or given; else `whsec_***`. */
            webhookSecret: string;
        };
        /** @description A space's settings; `name` is required when it is created, what is left out stays when it is changed. */
        SpaceRequest: {
            /**
             * Format: int64
             * @description Delivery timeouts of one attempt until the job is dead; `null`: never.
             */
            maxDeliveries?: number | null;
            /**
             * Format: int64
             * @description Most jobs that may wait; `null`: any number.
             */
            maxPending?: number | null;
            /** @description What people call it. */
            name?: string;
            /**
             * @description Hands out no jobs.
             * @default false
             */
            paused?: boolean;
            push?: components["schemas"]["PushSettings"] | null;
            /**
             * Format: int64
             * @description How long ended jobs and events are kept.
             * @default 14
             */
            retentionDays?: number;
            slack?: components["schemas"]["SlackSettings"] | null;
            /**
             * @description What callbacks are signed with: `whsec_` and 24 to 64 bytes in base64; `null`: a fresh one. The one before
             *     signs on for 24 hours.
             */
            webhookSecret?: string | null;
        };
        /** @description A space's pace, from its newest events. */
        Stats: {
            /** @description The same span in equal parts. */
            buckets: components["schemas"]["Bucket"][];
            /** @description How many they were: the newest 20,000, of the last hour at most. */
            events: number;
            /**
             * Format: date-time
             * @description Where the events that were looked at begin.
             */
            from: string;
            /** @description By job name, the busiest first; at most 100. */
            names: components["schemas"]["NameStats"][];
            /**
             * Format: date-time
             * @description Since when the longest-waiting job that may be claimed has waited.
             */
            oldestPendingAt: string | null;
            /**
             * Format: date-time
             * @description And where they end: now.
             */
            to: string;
            /** @description Who worked lately, by the newest 200 jobs that were taken; the latest first. */
            workers: components["schemas"]["WorkerSeen"][];
        };
        /** @description A key. */
        Token: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it ends.
             */
            expiresAt: string | null;
            /** @description The job it is bound to. */
            jobId: string | null;
            /**
             * Format: date-time
             * @description When it was last used, to the minute.
             */
            lastUsedAt: string | null;
            /** @description What its owner calls it. */
            name: string;
            /** @description The scopes as they were granted. */
            scopes: string[];
            /** @description The space it is bound to. */
            spaceId: string | null;
            /** @description The secret: when it is made, and in lists for the space's public key. */
            token?: string;
            /** @description Its id. */
            tokenId: string;
        };
        /** @description A key to be made. */
        TokenRequest: {
            /**
             * Format: date-time
             * @description When it ends.
             */
            expiresAt?: string | null;
            /** @description Only for this job. */
            jobId?: string | null;
            /** @description What its owner calls it. */
            name: string;
            /** @description What it may do. */
            scopes: string[];
        };
        /** @description A worker, by its own words. */
        WorkerSeen: {
            /** @description Jobs of its among those looked at. */
            jobs: number;
            /** @description Jobs it holds, among those looked at. */
            running: number;
            /**
             * Format: date-time
             * @description When one of its jobs last changed.
             */
            seenAt: string;
            /** @description From its `x-emit-worker`. */
            workerId: string;
        };
    };
}
