import { posix } from "node:path";
import { codeText, lineAt } from "./code-text.ts";
import type { Problem, SourceFile } from "./source-files.ts";

/** The layers of packages/server/src, lowest first. A folder imports only from rows above it in this list, and from itself. */
export const SERVER_LAYERS: readonly (readonly string[])[] = [
  ["base"],
  ["io", "model", "config", "telemetry"],
  ["raft", "security", "quota", "wal"],
  ["cluster", "tier"],
  ["metadata-log", "client-net", "client-telemetry", "peer-net"],
  ["replication"],
  ["partition"],
  ["coordinator", "transform", "controller"],
  ["kafka", "http-data", "admin", "operations"],
  ["process"],
];

/** No product code imports it; it may import everything. */
const TESTING = "testing";

/** What each package may import; `lazily`: only by `import()`, so that the command line starts without the broker's code. */
export const PACKAGE_IMPORTS: Readonly<Record<string, { readonly statically: readonly string[]; readonly lazily: readonly string[] }>> = {
  protocol: { statically: [], lazily: [] },
  client: { statically: ["protocol"], lazily: [] },
  server: { statically: ["protocol"], lazily: [] },
  cli: { statically: ["protocol", "client"], lazily: ["server"] },
};

export type Import = Readonly<{ specifier: string; line: number; kind: "value" | "type" | "lazy" }>;

const STATIC_IMPORT = /(?:^|[;\n])\s*(import|export)\s+(type\s+)?(?:[\w*{}$\s,]+?\s+from\s*|(?<=import\s+))["']([^"'\n]+)["']/g;
const LAZY_IMPORT = /\bimport\(\s*["']([^"'\n]+)["']/g;

/** The imports and re-exports of one file. `import { type A }` counts as a value: the module is loaded. */
export function importsOf(source: string): readonly Import[] {
  const text = codeText(source, true);
  const imports: Import[] = [];
  for (const match of text.matchAll(STATIC_IMPORT)) {
    const at = match.index + match[0].length;
    imports.push({ specifier: match[3] ?? "", line: lineAt(text, at), kind: match[2] === undefined ? "value" : "type" });
  }
  for (const match of text.matchAll(LAZY_IMPORT))
    imports.push({ specifier: match[1] ?? "", line: lineAt(text, match.index), kind: "lazy" });
  return imports;
}

/** Upward imports, forbidden package imports, product code that imports test code, and cycles of value imports. */
export function layerProblems(files: readonly SourceFile[]): readonly Problem[] {
  const modules = files.filter(({ path }) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path));
  const problems: Problem[] = [];
  const edges = new Map<string, string[]>();
  for (const { path, text } of modules) {
    const targets: string[] = [];
    for (const found of importsOf(text)) {
      const target = resolve(path, found.specifier);
      if (target === undefined) continue;
      if (found.kind === "value") targets.push(target);
      const message = judge(path, target, found);
      if (message !== undefined) problems.push({ path, line: found.line, message });
    }
    edges.set(path, targets);
  }
  return [...problems, ...cycles(edges)];
}

/** The path in the repository, or undefined for what is not ours. */
function resolve(from: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.normalize(posix.join(posix.dirname(from), specifier));
  const ours = /^@tidemq\/([^/]+)\/(.+)$/.exec(specifier);
  return ours === null ? undefined : `packages/${ours[1]}/src/${ours[2]}`;
}

function judge(from: string, to: string, found: Import): string | undefined {
  const source = place(from);
  const target = place(to);
  if (target === undefined) return `imports ${to}, which is in no package's src`;
  if (source === undefined) return undefined;
  const isTest = /\.(test|fuzz|bench)\.ts$/.test(from) || source.folder === TESTING;
  if (!isTest && /\.(test|fuzz|bench)\.ts$/.test(to)) return `product code imports a test: ${to}`;
  if (!isTest && target.folder === TESTING) return `product code imports ${TESTING}: ${to}`;
  if (source.package !== target.package) return isTest ? undefined : judgePackages(source.package, target.package, found);
  if (source.package !== "server" || isTest || implementsInterface(from, target.folder, found)) return undefined;
  return judgeLayers(source.folder, target.folder);
}

/** The real things of `io/real` implement interfaces of their own layer (`Log`), of which they need the types. */
function implementsInterface(from: string, to: string, found: Import): boolean {
  return from.startsWith("packages/server/src/io/real/") && found.kind === "type" && layerOf(to) === layerOf("io");
}

function judgePackages(from: string, to: string, found: Import): string | undefined {
  const allowed = PACKAGE_IMPORTS[from];
  if (allowed === undefined) return `package ${from} is not in the table of tools/layers.ts`;
  if (allowed.statically.includes(to)) return undefined;
  if (allowed.lazily.includes(to)) return found.kind === "value" ? `${from} imports ${to} only lazily: await import(…)` : undefined;
  return `package ${from} must not import ${to}`;
}

function judgeLayers(from: string, to: string): string | undefined {
  if (from === to) return undefined;
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)];
  if (fromLayer < 0 || toLayer < 0) return `folder ${fromLayer < 0 ? from : to} is not in the layer table of tools/layers.ts`;
  if (toLayer < fromLayer) return undefined;
  return `${from} (layer ${fromLayer}) must not import ${to} (layer ${toLayer}): declare an interface in ${from}, wire it in process`;
}

function layerOf(folder: string): number {
  return SERVER_LAYERS.findIndex((row) => row.includes(folder));
}

function place(path: string): { readonly package: string; readonly folder: string } | undefined {
  const match = /^packages\/([^/]+)\/src\/(?:([^/]+)\/)?[^/]/.exec(path);
  return match === null ? undefined : { package: match[1] ?? "", folder: match[2] ?? "" };
}

/** Each ring of value imports once, from its smallest path. Depth first, colours; a file is entered once. */
function cycles(edges: ReadonlyMap<string, readonly string[]>): readonly Problem[] {
  const problems: Problem[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      const ring = path.slice(start);
      problems.push({ path: [...ring].sort()[0] ?? file, line: 0, message: `cycle of value imports: ${[...ring, file].join(" → ")}` });
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of edges.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of [...edges.keys()].sort()) visit(file);
  return problems;
}
