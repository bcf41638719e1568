// The contracts of proto/ and the code made of them: `npm run proto` lints and generates. With --check it writes nothing and fails
// when the generated code is not current, or when what proto/released.binpb promised is broken. With --release it renews that
// promise, which is what the last release speaks: a broker of the next one has to understand it.
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { GENERATED_PROTO, ROOT } from "./source-files.ts";

const BIN = join(ROOT, "node_modules", ".bin");
const RELEASED = "released.binpb";
const BUF_MS_MAX = 60_000;

/** What is wrong with the contracts in `folder` and with the code in `generated`, as text for a person; nothing: all is well. */
export function protoProblems(folder: string, generated: string): string[] {
  const image = join(folder, RELEASED);
  return [
    ...buf(["lint", folder]),
    ...buf(["breaking", folder, "--against", image]),
    ...withGenerated(folder, (fresh) => differences(fresh, generated)),
  ];
}

function buf(args: readonly string[]): string[] {
  // The generator is found by its name in PATH, and runs under the Node.js that stands first in it.
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env["PATH"] ?? ""}` };
  const result = spawnSync(join(BIN, "buf"), args, { cwd: ROOT, env, encoding: "utf8", timeout: BUF_MS_MAX });
  if (result.status === 0) return [];
  const said = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim() || (result.error?.message ?? "no output");
  return [`buf ${args[0]}: ${said}`];
}

/** Generates into a temporary folder; the result of `look` at it, or why there is none. */
function withGenerated(folder: string, look: (fresh: string) => string[]): string[] {
  const temporary = mkdtempSync(join(tmpdir(), "tidemq-proto-"));
  try {
    const failed = buf(["generate", folder, "--template", join(ROOT, "proto/buf.gen.yaml"), "--output", temporary]);
    return failed.length > 0 ? failed : look(join(temporary, GENERATED_PROTO));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function differences(fresh: string, kept: string): string[] {
  const [expected, found] = [fresh, kept].map((folder) => new Set(globSync("**/*.ts", { cwd: folder }))) as [Set<string>, Set<string>];
  const path = (name: string): string => relative(ROOT, join(kept, name));
  return [...new Set([...expected, ...found])].sort().flatMap((name) => {
    if (!expected.has(name)) return [`${path(name)}: nothing generates it any more; run \`npm run proto\``];
    const isCurrent = found.has(name) && readFileSync(join(fresh, name)).equals(readFileSync(join(kept, name)));
    return isCurrent ? [] : [`${path(name)}: is not current; run \`npm run proto\``];
  });
}

function main(args: readonly string[]): readonly string[] {
  const proto = join(ROOT, "proto");
  if (args.includes("--check")) return protoProblems(proto, join(ROOT, GENERATED_PROTO));
  if (args.includes("--release")) return buf(["build", proto, "-o", join(proto, RELEASED)]);
  const refused = buf(["lint", proto]);
  if (refused.length > 0) return refused;
  rmSync(join(ROOT, GENERATED_PROTO), { recursive: true, force: true });
  return buf(["generate", proto, "--template", join(proto, "buf.gen.yaml"), "--output", ROOT]);
}

if (import.meta.main) {
  const problems = main(process.argv.slice(2));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
