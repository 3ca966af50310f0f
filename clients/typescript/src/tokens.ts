// Keys, for admins: of a space, or (without one) bound to none.
import type { Http } from "./http.ts";
import type { NewToken, Token } from "./types.ts";

const pathOf = (space: string | null) => (space ? `/spaces/${space}/tokens` : "/tokens");

export class Tokens {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Keys without their secrets, but for a space's public token. At most 1,000. */
  list(space: string | null): Promise<Token[]> {
    return this.#http.call("GET", pathOf(space), { query: { limit: 1_000 } });
  }

  /** A new key; its secret, `token`, is shown here and never again. */
  create(space: string | null, token: NewToken): Promise<Token> {
    return this.#http.call("POST", pathOf(space), { body: token });
  }

  /** Ends a key at once, and its streams with it. */
  async revoke(space: string | null, tokenId: string): Promise<void> {
    await this.#http.call("DELETE", `${pathOf(space)}/${tokenId}`);
  }

  /** A new secret in place of a key's old one, which lives on for `graceSeconds`. */
  rotate(space: string, tokenId: string, graceSeconds = 0): Promise<Token> {
    return this.#http.call("POST", `${pathOf(space)}/${tokenId}/rotate`, { body: { graceSeconds } });
  }
}
