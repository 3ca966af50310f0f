// Writes src/openapi.ts from the description that a running server gives: node generate.mjs http://127.0.0.1:8080
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const file = new URL("src/openapi.ts", import.meta.url);

/** The schemas as TypeScript: the calls themselves are written by hand. */
export async function generated(description) {
  const ast = await openapiTS({ ...description, paths: {} }, { defaultNonNullable: false });
  const schemas = astToString(ast).split("export interface components")[1].split("\n    responses:")[0];
  return `// Made by generate.mjs from the server's description of its API; a test compares them.\nexport interface components${schemas}\n}\n`;
}

export const committed = () => readFile(file, "utf8");

if (process.argv[2]) {
  const answer = await fetch(`${process.argv[2]}/api/openapi.json`);
  await writeFile(file, await generated(await answer.json()));
}
