/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out, because the registry at hand did
 * not have them: `npm ci` refuses a lockfile without them. They carry no checksum, so a platform that installs one of them
 * has to trust its registry. Run it after `npm install` changed the lockfile: `node tools/complete-lockfile.ts`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Entry = Record<string, unknown> & { optionalDependencies?: Record<string, string>; dev?: boolean };
type Lockfile = { packages: Record<string, Entry> };

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32", "wasm32"];
const PROCESSORS: readonly (readonly [RegExp, string])[] = [
  [/arm64/, "arm64"],
  [/x64/, "x64"],
  [/ia32/, "ia32"],
  [/arm/, "arm"],
  [/ppc64/, "ppc64"],
  [/riscv64/, "riscv64"],
  [/s390x/, "s390x"],
  [/wasm32/, "wasm32"],
];

/** What the name of a platform package says of where it runs. */
export function platformOf(name: string): Entry | undefined {
  const system = SYSTEMS.find((each) => name.includes(each));
  const processor = PROCESSORS.find(([pattern]) => pattern.test(name))?.[1];
  if (system === undefined || processor === undefined) return undefined;
  const libc = /musl/.test(name) ? "musl" : /gnu/.test(name) ? "glibc" : undefined;
  return { os: [system], cpu: [processor], ...(libc === undefined ? {} : { libc: [libc] }) };
}

/** The names that were added. */
export function completeLockfile(lockfile: Lockfile): string[] {
  const added: string[] = [];
  for (const parent of Object.values(lockfile.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const platform = platformOf(name);
      if (lockfile.packages[`node_modules/${name}`] !== undefined || platform === undefined) continue;
      const entry: Entry = { version, ...(parent.dev === true ? { dev: true } : {}), optional: true, ...platform };
      lockfile.packages[`node_modules/${name}`] = entry;
      added.push(name);
    }
  }
  const [root, ...others] = Object.entries(lockfile.packages);
  others.sort(([a], [b]) => (a < b ? -1 : 1));
  lockfile.packages = Object.fromEntries(root === undefined ? others : [root, ...others]);
  return added;
}

if (import.meta.main) {
  const file = join(import.meta.dirname, "..", "package-lock.json");
  const lockfile = JSON.parse(readFileSync(file, "utf8")) as Lockfile;
  const added = completeLockfile(lockfile);
  writeFileSync(file, `${JSON.stringify(lockfile, null, 2)}\n`);
  console.log(added.length === 0 ? "package-lock.json was complete" : `added to package-lock.json: ${added.join(", ")}`);
}
