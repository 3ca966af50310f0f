// Loaded before bunqueue's server: its SQLite syncs at each commit. It asks for synchronous=NORMAL, under which a
// commit of a write-ahead log is on disk only at the next checkpoint, and has no setting of its own for that.
import { Database } from "bun:sqlite";

for (const call of ["exec", "run"]) {
  const original = Database.prototype[call];
  Database.prototype[call] = function (sql, ...rest) {
    return original.call(this, sql.replace(/synchronous\s*=\s*NORMAL/gi, "synchronous = FULL"), ...rest);
  };
}
