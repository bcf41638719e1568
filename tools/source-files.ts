import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One file of the repository; the path is relative to the root, with `/`. */
export type SourceFile = Readonly<{ path: string; text: string }>;
/** Something a check refuses. `line` counts from 1; 0 = the file or folder as a whole. */
export type Problem = Readonly<{ path: string; line: number; message: string }>;

export const ROOT = join(import.meta.dirname, "..");
/** Code that `npm run proto` writes: rules about how code is written do not concern it. */
export const GENERATED_PROTO = "packages/server/src/peer-net/proto";
const FOLDERS = ["packages", "proto", "test", "tools", "bench", "config", "docs", "examples", ".ci"];
const SKIPPED = new Set(["node_modules", ".git", "data", ".cache", "coverage"]);
const TEXT = /\.(ts|md|json|sh|toml|java|go|proto)$|(^|\/)(run|tidemq)$/;

/** All text files of the working tree that the project wrote, sorted by path. */
export function readSources(root: string = ROOT): readonly SourceFile[] {
  const paths = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  for (const folder of FOLDERS) collect(root, folder, paths);
  return paths
    .filter((path) => TEXT.test(path) && path !== "package-lock.json")
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

function collect(root: string, folder: string, paths: string[]): void {
  let entries: ReturnType<typeof listFolder>;
  try {
    entries = listFolder(join(root, folder));
  } catch {
    return; // not every folder exists yet
  }
  for (const entry of entries) {
    if (SKIPPED.has(entry.name)) continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) collect(root, path, paths);
    else if (entry.isFile()) paths.push(path);
  }
}

function listFolder(path: string) {
  return readdirSync(path, { withFileTypes: true });
}

/** For a terminal: one line per problem, `path:line message`. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, line, message }) => `${line > 0 ? `${path}:${line}` : path}  ${message}`).join("\n");
}
