import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "../command-error.ts";
import { ExitCode } from "../exit-codes.ts";
import { askHttp, type HttpAnswer } from "../http-request.ts";
import { bytesText, countText, type OutputForm, printResult, printTable, write } from "../output.ts";
import { startCount } from "../progress.ts";

type Sum = Readonly<{ objects: number; bytes: number }>;

/** What `/storage/audit` answers, as far as it is shown. */
type AuditView = Readonly<{
  state: "running" | "done" | "failed";
  error: string | null;
  tookMs: number;
  report: Readonly<{
    listed: number;
    live: Sum;
    dead: Sum;
    missing: Sum & Readonly<{ keys: readonly string[] }>;
    /** Missing: an older server. */
    metadata?: number;
    others: Readonly<{ objects: number; keys: readonly string[] }>;
    unreadableManifests: number;
  }>;
}>;

type Options = Readonly<{ http: string; output: OutputForm }>;

const PATH = "/storage/audit";
const POLL_MS = 250;
const SHOWN_KEYS_MAX = 20;

/** Has the server hold its bucket against its metadata, and prints what it found. The exit code says whether something is missing. */
export async function auditStorage(options: Options): Promise<void> {
  // A page in a browser cannot send this header, so it cannot do this behind somebody's back.
  let view = parse(options.http, await askHttp("POST", options.http, PATH, { "x-tidemq-audit": "yes" }));
  const progress = startCount("objects listed");
  while (view.state === "running") {
    progress.update(view.report.listed);
    await sleep(POLL_MS);
    view = parse(options.http, await askHttp("GET", options.http, PATH));
  }
  progress.end();
  if (view.state === "failed")
    throw new CommandError(`the audit failed: ${view.error}`, "See the server's log, and: tidemq cluster health");
  if (options.output !== "table") await printResult(options.output, view);
  else await print(view);
  if (view.report.missing.objects > 0 || view.report.unreadableManifests > 0) process.exitCode = ExitCode.FAILED;
}

function parse(at: string, { status, body }: HttpAnswer): AuditView {
  try {
    const value = JSON.parse(body) as Partial<AuditView> & { message?: string };
    if (value.state !== undefined && value.report !== undefined) return value as AuditView;
    if (value.message !== undefined) throw new CommandError(value.message, "See the server's log, and: tidemq cluster health");
  } catch (error) {
    if (error instanceof CommandError) throw error;
  }
  throw new CommandError(`http://${at}${PATH} does not answer like a TideMQ server (HTTP status ${status})`, "Check --http HOST:PORT.");
}

async function print({ report, tookMs }: AuditView): Promise<void> {
  const { live, dead, missing, metadata = 0, others, unreadableManifests } = report;
  await printTable(
    ["OBJECTS", "COUNT", "SIZE"],
    [
      ["live", countText(live.objects), bytesText(live.bytes)],
      ["waiting for collection", countText(dead.objects), bytesText(dead.bytes)],
      ["missing", countText(missing.objects), bytesText(missing.bytes)],
      ...(metadata === 0 ? [] : [["of the metadata", countText(metadata), "–"]]),
      ["of others", countText(others.objects), "–"],
    ],
    "",
  );
  await write(process.stdout, `\n${countText(report.listed)} objects listed in ${(tookMs / 1000).toFixed(1)} s\n`);
  if (unreadableManifests > 0)
    await write(process.stdout, `! ${unreadableManifests} manifests cannot be read: what they name was not looked for\n`);
  await printKeys("missing: what these hold is lost", missing.keys, missing.objects);
  await printKeys("of others", others.keys, others.objects);
}

async function printKeys(title: string, keys: readonly string[], count: number): Promise<void> {
  if (count === 0) return;
  const shown = keys.slice(0, SHOWN_KEYS_MAX);
  const more = count > shown.length ? `  … and ${countText(count - shown.length)} more\n` : "";
  await write(process.stdout, `! ${title}\n${shown.map((key) => `  ${key}\n`).join("")}${more}`);
}
