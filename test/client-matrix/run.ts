// Runs every client against TideMQ and against Apache Kafka, and writes docs/reference/clients.md.
//   npm run clients:matrix                        installs what is missing into .cache/client-matrix
//   npm run clients:matrix -- --only franz-go     only these (separated by commas), and writes no page
//   npm run clients:matrix -- --target tidemq     without Kafka, and writes no page
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { KAFKA_VERSION, kafkaProblem, startKafka } from "../../bench/kafka-server.ts";
import { startTideMq } from "../../bench/tidemq-server.ts";
import { freshName } from "../clients/target.ts";
import { CLIENTS, type MatrixClient } from "./clients.ts";
import { type Column, faults, page } from "./page.ts";
import { type Result, runChecks } from "./results.ts";
import { checkStored } from "./stored.ts";

const PAGE = join(import.meta.dirname, "..", "..", "docs", "reference", "clients.md");
/** They mostly wait. */
const AT_ONCE = 6;

type Server = Readonly<{ host: string; port: number; stop: () => Promise<unknown> }>;
type Results = ReadonlyMap<string, Result>;

const { values } = parseArgs({ options: { only: { type: "string" }, target: { type: "string", default: "both" } } });
await main(values.only?.split(","), values.target);

async function main(only: readonly string[] | undefined, target: string): Promise<void> {
  const unknown = only?.filter((name) => !CLIENTS.some((one) => one.name === name)) ?? [];
  if (unknown.length > 0) throw new Error(`${unknown.join(", ")}: not one of ${CLIENTS.map((one) => one.name).join(", ")}`);
  const withKafka = target !== "tidemq";
  const problem = withKafka ? kafkaProblem() : undefined;
  if (problem !== undefined) throw new Error(`${problem}; or leave Kafka out: --target tidemq`);
  const chosen = CLIENTS.filter((one) => only?.includes(one.name) ?? true);
  const installed = await installAll(chosen);
  // Both brokers at once, since clients mostly wait.
  const [tidemq, kafka] = await Promise.all([
    startTideMq({ synced: false }).then((server) => runAll("TideMQ", server, installed)),
    withKafka
      ? startKafka({ synced: false, heapMiB: 512 }).then((server) => runAll("Kafka", server, installed))
      : new Map<string, Result>(),
  ]);
  const columns = chosen.map(({ name }): Column => ({ name, tidemq: tidemq.get(name), kafka: kafka.get(name) }));
  if (withKafka && installed.length === CLIENTS.length) writeFileSync(PAGE, page(columns, KAFKA_VERSION));
  report(columns);
}

/** What cannot be installed here is told and left out. */
async function installAll(clients: readonly MatrixClient[]): Promise<readonly MatrixClient[]> {
  const installed: MatrixClient[] = [];
  for (const client of clients) {
    const problem = client.problem();
    if (problem === undefined) {
      await client.install();
      installed.push(client);
    } else {
      console.log(`skipped ${client.name}: ${problem}`);
    }
  }
  return installed;
}

async function runAll(broker: string, server: Server, clients: readonly MatrixClient[]): Promise<Results> {
  const results = new Map<string, Result>();
  const waiting = [...clients];
  const worker = async (): Promise<void> => {
    for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
      results.set(client.name, await runOne(broker, server, client));
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    await server.stop();
  }
  return results;
}

async function runOne(broker: string, server: Server, client: MatrixClient): Promise<Result> {
  const startedMs = performance.now();
  const prefix = freshName(client.name);
  const command = [...client.command, `${server.host}:${server.port}`, prefix, ...(client.rest ?? [])];
  const result = await checkStored(server, prefix, await runChecks(command, client.environment ?? {}));
  const counts = { pass: 0, fail: 0, none: 0 };
  for (const { kind } of result.checks.values()) counts[kind] += 1;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  console.log(`${broker}: ${result.version}: ${counts.pass} passed, ${counts.fail} failed, ${counts.none} it does not have (${seconds} s)`);
  for (const [name, { kind, words }] of result.checks) if (kind === "fail") console.log(`  ${name}: ${words}`);
  return result;
}

function report(columns: readonly Column[]): void {
  const found = faults(columns);
  if (found.length > 0) {
    console.log(`\nfaults of TideMQ:\n${found.map((line) => `  ${line}`).join("\n")}`);
    process.exitCode = 1;
  }
}
