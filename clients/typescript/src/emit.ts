// The client: what it knows (where, which key, which space) and the ways into the rest.
import { Http, type EmitOptions } from "./http.ts";
import { Jobs } from "./jobs.ts";
import { Spaces } from "./spaces.ts";
import { Tokens } from "./tokens.ts";
import type { Me } from "./types.ts";
import { Worker, type WorkerOptions } from "./worker/worker.ts";

export class Emit {
  readonly http: Http;
  readonly jobs: Jobs;
  readonly spaces: Spaces;
  readonly tokens: Tokens;
  readonly #space: string | undefined;
  #me: Promise<Me> | undefined;

  constructor(options: EmitOptions) {
    this.http = new Http(options);
    this.#space = options.space;
    this.jobs = new Jobs(this);
    this.spaces = new Spaces(this);
    this.tokens = new Tokens(this.http);
  }

  /** What the key is. Asked once. */
  me(): Promise<Me> {
    this.#me ??= this.http.call<Me>("GET", "/me").catch((error: unknown) => {
      this.#me = undefined;
      throw error;
    });
    return this.#me;
  }

  /** The space a call means: the one it names, else the client's, else the key's own. */
  async spaceId(named?: string): Promise<string> {
    const space = named ?? this.#space ?? (await this.me()).spaceId;
    if (!space) throw new TypeError("name a space: this key is bound to none");
    return space;
  }

  /** A worker of a space: `emit.worker({ concurrency: 10 }).handle("resize", resize).run()`. */
  worker(options: WorkerOptions = {}): Worker {
    return new Worker(this, options);
  }
}
