import { setTimeout as sleep } from "node:timers/promises";
import { CommandError, UsageError } from "../command-error.ts";
import { askHttp } from "../http-request.ts";
import { countText, type OutputForm, printResult, printTable, write } from "../output.ts";
import { startSteps } from "../progress.ts";

type Options = Readonly<{ http: string; output: OutputForm; dryRun: boolean; status: boolean; cancel: boolean; wait: boolean }>;

type Move = Readonly<{ topic: string; index: number; from: readonly number[]; to: readonly number[] }>;
/** What the server says of a broker; `moves` only of a plan. */
type Status = Readonly<{ broker: number; isCordoned: boolean; replicas: number; leads: number; moving: number; moves?: readonly Move[] }>;

const POLL_MS = 500;

/** Has everything taken off a broker, and waits until it has nothing; or shows what that would be, how far it is, or takes it back. */
export async function drainBroker(id: number, options: Options): Promise<void> {
  const { dryRun, status, cancel, wait, output } = options;
  if ([dryRun, status, cancel].filter(Boolean).length > 1) throw new UsageError("one of --dry-run, --status and --cancel at a time");
  if (dryRun) return printPlan(await ask(id, options, "plan"), output);
  if (status) return print(await ask(id, options, undefined), output);
  if (cancel) {
    await print(await cancelled(id, options), output);
    process.stderr.write(`tidemq: what has moved stays where it is, and who leads there: nothing comes back to broker ${id} by itself\n`);
    process.stderr.write(
      "tidemq: to spread a topic over all brokers again: tidemq partition reassign --topic NAME --replication-factor N --execute\n",
    );
    return;
  }
  const begun = await ask(id, options, "begin");
  await print(wait ? await drained(id, options, begun) : begun, output);
}

/** Asked again and again: only so much moves at once. */
async function drained(id: number, options: Options, begun: Status): Promise<Status> {
  if (begun.replicas === 0) return begun;
  process.stderr.write(
    `tidemq: Ctrl-C leaves moving what moves; the same command goes on, tidemq broker drain ${id} --cancel takes it back\n`,
  );
  const progress = await startSteps(begun.replicas, "replicas moved");
  try {
    for (let now = begun; ; now = await ask(id, options, "begin")) {
      progress.update(Math.max(0, begun.replicas - now.replicas));
      if (now.replicas === 0) return now;
      await sleep(POLL_MS);
    }
  } finally {
    progress.end();
  }
}

async function cancelled(id: number, options: Options): Promise<Status> {
  let now = await ask(id, options, "cancel");
  while (now.moving > 0) now = await ask(id, options, "cancel");
  return now;
}

/** @param what Undefined: how far it is. */
async function ask(id: number, { http }: Options, what: "plan" | "begin" | "cancel" | undefined): Promise<Status> {
  const path = `/brokers/${id}/drain`;
  // A page in a browser cannot send this header, so it cannot do this behind somebody's back.
  const { status, body } = await (what === undefined
    ? askHttp("GET", http, path)
    : askHttp("POST", http, path, { "x-tidemq-drain": what }));
  const value = objectIn(body);
  if (status === 200 && value.replicas !== undefined) return value as Status;
  if (value.message !== undefined) throw new CommandError(`broker ${id}: ${value.message}`, "See the brokers: tidemq broker list");
  throw new CommandError(
    `http://${http}${path} does not answer like a TideMQ broker (HTTP status ${status})`,
    "Name the HTTP address of a broker: --http HOST:PORT",
  );
}

function objectIn(body: string): Partial<Status> & { message?: string } {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

async function printPlan(status: Status, output: OutputForm): Promise<void> {
  const moves = status.moves ?? [];
  if (output !== "table") return printResult(output, status, { columns: ["topic", "index", "from", "to"], rows: moves });
  const rows = moves.map(({ topic, index, from, to }) => [topic, index, from.join(","), to.join(",")]);
  await printTable(["TOPIC", "PARTITION", "NOW", "NEW"], rows, `broker ${status.broker} has nothing that does not move already`);
  process.stderr.write("tidemq: nothing is changed; without --dry-run it is done\n");
}

async function print(status: Status, output: OutputForm): Promise<void> {
  if (output !== "table") return printResult(output, status);
  const { broker, isCordoned, replicas, leads, moving } = status;
  const has =
    replicas === 0 ? "has nothing" : `has ${countText(replicas)} replicas, leads ${countText(leads)}; ${countText(moving)} are moving`;
  await write(process.stdout, `broker ${broker} ${has}; it gets ${isCordoned ? "nothing new" : "new replicas"}\n`);
}
