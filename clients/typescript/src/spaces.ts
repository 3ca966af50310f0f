// Spaces: settings for admins, counts and the stream for readers.
import type { Emit } from "./emit.ts";
import { path, seqOf } from "./http.ts";
import type { Counts, Failures, Space, SpaceMessage, SpaceSettings, Stats } from "./types.ts";
import { watchSpace, type WatchOptions } from "./watch/watch.ts";

export class Spaces {
  readonly #emit: Emit;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** At most 1,000. */
  list(): Promise<Space[]> {
    return this.#emit.http.call("GET", "/spaces", { query: { limit: 1_000 } });
  }

  async get(id: string): Promise<Space> {
    return this.#emit.http.call("GET", path`/spaces/${id}`);
  }

  create(settings: SpaceSettings & { name: string }): Promise<Space> {
    return this.#emit.http.call("POST", "/spaces", { body: settings });
  }

  /** Changes what is named and leaves the rest. */
  async edit(id: string, settings: SpaceSettings): Promise<Space> {
    // Asked twice for a fresh secret, the server makes two.
    const repeat = settings.webhookSecret === null ? "refused" : "always";
    return this.#emit.http.call("PATCH", path`/spaces/${id}`, { body: settings, repeat });
  }

  /** `force`: its jobs too. */
  async delete(id: string, options: { force?: boolean } = {}): Promise<void> {
    await this.#emit.http.call("DELETE", path`/spaces/${id}`, { query: { force: options.force } });
  }

  /** Jobs by status, and the position that these counts contain. `retries`: else as often as the client tries. */
  async counts(id?: string, options: { signal?: AbortSignal; retries?: number } = {}): Promise<{ counts: Counts; seq: number }> {
    const address = path`/spaces/${await this.#emit.spaceId(id)}/counts`;
    const { value, headers } = await this.#emit.http.answer<Counts>("GET", address, options);
    return { counts: value, seq: seqOf(headers) };
  }

  /** The pace of the last hour, or of its newest 20,000 events. */
  async stats(id?: string, options: { signal?: AbortSignal } = {}): Promise<Stats> {
    return this.#emit.http.call("GET", path`/spaces/${await this.#emit.spaceId(id)}/stats`, options);
  }

  /** What jobs die of, grouped by the shape of their errors. */
  async failures(id?: string, options: { signal?: AbortSignal } = {}): Promise<Failures> {
    return this.#emit.http.call("GET", path`/spaces/${await this.#emit.spaceId(id)}/failures`, options);
  }

  /** Everything that happens in a space, in order, over lost connections without a hole or a double. Never ends by itself. */
  watch(id: string, options: WatchOptions & { collapse?: "progress" } = {}): AsyncGenerator<SpaceMessage, void, void> {
    return watchSpace(this.#emit.http, id, options);
  }
}
