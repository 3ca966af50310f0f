// The real binary on a throw-away folder, and the proxy before it. Nothing waits for a time, only for lines and answers.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Not from this file's address: jsdom's modules have others. */
function rootAbove(folder: string): string {
  return existsSync(join(folder, "Cargo.lock")) ? folder : rootAbove(dirname(folder));
}
const ROOT = rootAbove(process.cwd());
const BINARY = process.env.EMIT_BINARY ?? join(ROOT, "target/release/emit");
export const ADMIN_KEY = `emit_${"A1b2C3d4".repeat(4)}`;

/** A program that says where it listens. */
async function listening(command: string, flags: string[], env = {}): Promise<{ process: ChildProcess; url: string }> {
  const process_ = spawn(command, flags, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said += chunk;
      const found = /listening on (http:\/\/\S+)\s/.exec(said)?.[1];
      if (found) resolve(found);
    };
    process_.stdout?.on("data", hear);
    process_.stderr?.on("data", hear);
    process_.on("error", reject);
    process_.on("exit", (code) => code && console.error(said));
    process_.on("exit", () => reject(new Error(`${command} did not start:\n${said}`)));
  });
  return { process: process_, url };
}

async function gone(process_: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (process_.exitCode !== null || process_.signalCode !== null) return;
  await new Promise<void>((resolve) => process_.once("exit", () => resolve()) && process_.kill(signal));
}

export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), "emit-client-"));
  url = "";
  #process!: ChildProcess;

  async start(listen = "127.0.0.1:0"): Promise<this> {
    const flags = ["serve", "--data", join(this.folder, "data"), "--listen", listen];
    ({ process: this.#process, url: this.url } = await listening(BINARY, flags, { EMIT_ADMIN_KEY: ADMIN_KEY }));
    return this;
  }

  /** As a crash does it; comes back on the same port, after what is done while it is away. */
  async restart(away = () => {}): Promise<void> {
    await gone(this.#process, "SIGKILL");
    away();
    await this.start(new URL(this.url).host);
  }

  /** Takes connections and answers nothing, until it goes on. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    await gone(this.#process, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** One plain request with the admin key. */
  async call(method: string, path: string, body?: unknown): Promise<any> {
    const headers: Record<string, string> = { "x-api-key": ADMIN_KEY };
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await fetch(`${this.url}/api/v1${path}`, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  async space(): Promise<string> {
    return (await this.call("POST", "/spaces", { name: "test" })).id;
  }

  async key(space: string, scopes: string[] | "public"): Promise<string> {
    if (scopes !== "public") return (await this.call("POST", `/spaces/${space}/tokens`, { name: "t", scopes })).token;
    return (await this.call("GET", `/spaces/${space}/tokens`)).find((token: any) => token.token).token;
  }
}

export class Proxy {
  url = "";
  #process!: ChildProcess;

  async start(target: string): Promise<this> {
    const script = join(ROOT, "clients/vectors/proxy.mjs");
    ({ process: this.#process, url: this.url } = await listening(process.execPath, [script, target]));
    return this;
  }

  async faults(set: object): Promise<void> {
    await fetch(`${this.url}/-/faults`, { method: "POST", body: JSON.stringify(set) });
  }

  async stop(): Promise<void> {
    await gone(this.#process, "SIGKILL");
  }
}
