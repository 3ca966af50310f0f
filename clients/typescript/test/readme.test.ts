// The README's examples are programs: each compiles as it stands, as strictly as its reader's compiler may be.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const FOLDER = fileURLToPath(new URL("../", import.meta.url));
const blocks = [...readFileSync(`${FOLDER}README.md`, "utf8").matchAll(/^```(tsx?)\n(.*?)^```$/gms)];

test("the README has examples", () => expect(blocks.length).toBeGreaterThan(2));

test("every example of the README compiles", () => {
  const texts = new Map(blocks.map(([, kind, text], at) => [`${FOLDER}readme-${at + 1}.${kind}`, text!]));
  const { config } = ts.readConfigFile(`${FOLDER}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, FOLDER);
  Object.assign(options, {
    noUnusedLocals: false, exactOptionalPropertyTypes: true,
    paths: { "emit-client": [`${FOLDER}src/index.ts`], "emit-client/react": [`${FOLDER}src/react.ts`] },
  });
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => texts.has(name) || fileExists(name);
  host.readFile = (name) => texts.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...more) =>
    texts.has(name) ? ts.createSourceFile(name, texts.get(name)!, version) : getSourceFile(name, version, ...more);
  const program = ts.createProgram([...texts.keys()], options, host);
  const wrong = [...texts.keys()].flatMap((name) => ts.getPreEmitDiagnostics(program, program.getSourceFile(name)));
  expect(ts.formatDiagnostics(wrong, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => FOLDER, getNewLine: () => "\n" })).toBe("");
});
