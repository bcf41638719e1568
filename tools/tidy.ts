import { codeText, lineAt } from "./code-text.ts";
import { SERVER_LAYERS } from "./layers.ts";
import { GENERATED_PROTO, type Problem, type SourceFile } from "./source-files.ts";

/** A word that must not stand in some files, with what to write instead and why. */
type Ban = Readonly<{
  word: RegExp;
  instead: string;
  why: string;
  /** Which files it is banned in. */
  where: (path: string) => boolean;
  /** What is searched: code without comments and strings, code with strings, or the text as it stands. */
  within: "code" | "code-and-strings" | "text";
}>;

const isTypeScript = (path: string): boolean => path.endsWith(".ts");
const isTest = (path: string): boolean => /\.(test|fuzz|bench)\.ts$/.test(path);
const isProduct = (path: string): boolean => isTypeScript(path) && /^packages\/[^/]+\/src\//.test(path);
/** Where the real world may be touched: everything else in the packages gets it injected, so that it can be simulated. */
const REAL_WORLD = /^packages\/(cli\/src|server\/src\/io\/real|client\/src\/real)\//;
/** Turns the real loop so that virtual time can pass in it. */
const SIMULATED_LOOP = "packages/server/src/testing/sim-io/sim-world.ts";
const isInjected = (path: string): boolean => isProduct(path) && !REAL_WORLD.test(path) && path !== SIMULATED_LOOP;
const isInjectedCode = (path: string): boolean => isInjected(path) && !isTest(path);
/** These work under the process's own signals and environment, but on injected I/O. */
const isProcessFolder = (path: string): boolean => path.startsWith("packages/server/src/process/");
const isHotPath = (path: string): boolean => /^packages\/server\/src\/(wal|partition|kafka|client-net)\//.test(path) && !isTest(path);
/** The rules themselves and their tests quote what they ban. */
const isTidyItself = (path: string): boolean => /^tools\/(tidy|layers|code-text)(\.test)?\.ts$/.test(path);

const MODULES =
  "fs|fs/promises|net|tls|dgram|http|http2|https|dns|dns/promises|worker_threads|child_process|cluster|os|perf_hooks|sqlite|timers|timers/promises|readline";

const BANS: readonly Ban[] = [
  {
    word: new RegExp(`["']node:(?:${MODULES})["']`, "g"),
    instead: "an interface of packages/server/src/io",
    why: "the same code runs in the simulator",
    where: isInjectedCode,
    within: "code-and-strings",
  },
  { word: /\bDate\.now\b|\bnew Date\(\)/g, instead: "Clock.wallMs()", why: "a seed must repeat a run", where: isInjected, within: "code" },
  {
    word: /\bperformance\.now\b|\bprocess\.hrtime\b/g,
    instead: "Clock.monotonicMs()",
    why: "a seed must repeat a run",
    where: isInjected,
    within: "code",
  },
  {
    word: /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b/g,
    instead: "Random (tests: fixed seeds)",
    why: "a seed must repeat a run",
    where: isInjected,
    within: "code",
  },
  { word: /\bset(?:Timeout|Interval)\s*\(/g, instead: "Clock.after()", why: "virtual time", where: isInjectedCode, within: "code" },
  { word: /\bsetImmediate\s*\(/g, instead: "Clock.nextTurn()", why: "virtual time", where: isInjectedCode, within: "code" },
  {
    word: /\bprocess\.(?:env|argv|exit|kill|on|once|memoryUsage|cpuUsage|cwd|pid|platform|stdin|stdout|stderr)\b|\bconsole\.\w+/g,
    instead: "an argument, Log, or packages/server/src/process",
    why: "the world is injected",
    where: (path) => isInjectedCode(path) && !isProcessFolder(path),
    within: "code",
  },
  {
    word: /\b\w*(?:bytes|buffer|slab|memory|frame|target|page|block|chunk|array)s?\.set\(|\bsubarray\([^)\n]*\)\.set\(/gi,
    instead: "Buffer.copy",
    why: "TypedArray.set into shared memory is several times slower",
    where: isHotPath,
    within: "code",
  },
  {
    word: /(?:^|\n)\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/g,
    instead: "a union of literals or an `as const` object",
    why: "not erasable",
    where: isTypeScript,
    within: "code",
  },
  {
    word: /(?:^|\n)\s*(?:export\s+)?(?:declare\s+)?namespace\s+\w/g,
    instead: "a module",
    why: "not erasable",
    where: isTypeScript,
    within: "code",
  },
  {
    word: /\b(?:FIXME|TODO|XXX)\b/g,
    instead: "the work, or an issue",
    why: "it would stay",
    where: (path) => !isTidyItself(path),
    within: "text",
  },
  {
    word: /(?:^|[\s"'`(=])(?:\/(?:home|Users|work|root|private\/tmp)\/[\w.-]+|[A-Z]:\\\\\w+)/g,
    instead: "a path relative to the repository, or a temporary folder made at run time",
    why: "it exists on one machine only",
    where: (path) => !isTidyItself(path),
    within: "text",
  },
  {
    word: /^export\s+(?:type\s+)?\*/gm,
    instead: "imports of the file that defines the thing",
    why: "barrels make rings of imports",
    where: isProduct,
    within: "code",
  },
];

const LINE_CHARS_MAX = 160;
const README_LINES_MAX = 40;
const ROOM_WITHOUT_IDEA = /^(?:index|utils?|helpers?|common|misc|manager|service)$/;

/** Every rule over every file, by path and line. */
export function tidyProblems(files: readonly SourceFile[]): readonly Problem[] {
  const problems = [...files.flatMap(fileProblems), ...folderProblems(files)];
  return problems.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line));
}

function fileProblems(file: SourceFile): Problem[] {
  if (file.path.startsWith(`${GENERATED_PROTO}/`)) return [];
  return [...bannedWords(file), ...longLines(file), ...badNames(file)];
}

function bannedWords({ path, text }: SourceFile): Problem[] {
  const problems: Problem[] = [];
  const code = isTypeScript(path) ? codeText(text) : text;
  const codeAndStrings = isTypeScript(path) ? codeText(text, true) : text;
  for (const ban of BANS) {
    if (!ban.where(path)) continue;
    const searched = ban.within === "text" ? text : ban.within === "code" ? code : codeAndStrings;
    for (const match of searched.matchAll(ban.word)) {
      const at = match.index + match[0].length - match[0].trimStart().length;
      problems.push({ path, line: lineAt(text, at), message: `\`${match[0].trim()}\` is banned here: use ${ban.instead} (${ban.why})` });
    }
  }
  return problems;
}

/** Prose and tables are as long as they are; code is read side by side. */
function longLines({ path, text }: SourceFile): Problem[] {
  if (!isTypeScript(path) && !path.endsWith(".sh")) return [];
  return text.split("\n").flatMap((line, index) => {
    if (line.length <= LINE_CHARS_MAX) return [];
    return [{ path, line: index + 1, message: `${line.length} characters, at most ${LINE_CHARS_MAX}` }];
  });
}

function badNames({ path }: SourceFile): Problem[] {
  if (!isProduct(path)) return [];
  const rooms = path
    .split("/")
    .slice(3)
    .map((part) => part.replace(/\.ts$/, ""));
  const bad = rooms.find((room) => ROOM_WITHOUT_IDEA.test(room));
  return bad === undefined
    ? []
    : [{ path, line: 0, message: `\`${bad}\` names no idea: name the file or folder after the thing it defines` }];
}

/** Every folder of the server says in a README what belongs there. */
function folderProblems(files: readonly SourceFile[]): Problem[] {
  const prefix = "packages/server/src/";
  const folders = new Set(
    files.filter(({ path }) => path.startsWith(prefix)).map(({ path }) => path.slice(prefix.length).split("/")[0] ?? ""),
  );
  const known = new Set([...SERVER_LAYERS.flat(), "testing"]);
  return [...folders].flatMap((folder) => {
    const path = `${prefix}${folder}/README.md`;
    if (!known.has(folder)) return [{ path: `${prefix}${folder}`, line: 0, message: "is not in the layer table of tools/layers.ts" }];
    const readme = files.find((file) => file.path === path);
    if (readme === undefined)
      return [{ path, line: 0, message: "missing: what it is, what belongs here and what not, entry file, invariants" }];
    const lines = readme.text.trimEnd().split("\n").length;
    return lines <= README_LINES_MAX ? [] : [{ path, line: 0, message: `${lines} lines, at most ${README_LINES_MAX}` }];
  });
}
