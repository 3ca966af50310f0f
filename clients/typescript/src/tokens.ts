// Keys, for admins: of a space, or (without one) bound to none.
import { type Http, path } from "./http.ts";
import type { MadeToken, NewToken, Token } from "./types.ts";

const keysOf = (space: string | null) => (space === null ? "/tokens" : path`/spaces/${space}/tokens`);
const keyOf = (space: string | null, id: string) =>
  space === null ? path`/tokens/${id}` : path`/spaces/${space}/tokens/${id}`;

export class Tokens {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Keys without their secrets, but for a space's public token. At most 1,000. */
  async list(space: string | null): Promise<Token[]> {
    return this.#http.call("GET", keysOf(space), { query: { limit: 1_000 } });
  }

  /** A new key; its secret, `token`, is shown here and never again. */
  async create(space: string | null, token: NewToken): Promise<MadeToken> {
    return this.#http.call("POST", keysOf(space), { body: token });
  }

  /** Ends a key at once, and its streams with it. */
  async revoke(space: string | null, tokenId: string): Promise<void> {
    await this.#http.call("DELETE", keyOf(space, tokenId));
  }

  /** A new secret in place of a key's old one, which lives on for `graceSeconds`. */
  async rotate(space: string, tokenId: string, graceSeconds = 0): Promise<MadeToken> {
    return this.#http.call("POST", path`/spaces/${space}/tokens/${tokenId}/rotate`, { body: { graceSeconds } });
  }
}
