import { askClusterOnly, type ClusterReport } from "../cluster-report.ts";
import { agoText, type OutputForm, printResult, printTable } from "../output.ts";

/** What commands take that ask one node about all. */
export type NodeOptions = Readonly<{ http: string; output: OutputForm }>;

const COLUMNS = ["id", "state", "address", "rack", "partitions", "partitionsLed", "epoch", "heardMs"];

export async function listBrokers(options: NodeOptions): Promise<void> {
  const report = await askClusterOnly(options.http);
  const { brokers } = report;
  if (options.output !== "table") return printResult(options.output, brokers, { columns: COLUMNS, rows: brokers });
  const rows = brokers.map(({ id, state, address, rack, partitions, partitionsLed, epoch, heardMs }) => [
    ...[id, state, address ?? "–", rack ?? "–", partitions, partitionsLed, epoch ?? "–"],
    agoText(heardMs),
  ]);
  await printTable(["ID", "STATE", "ADDRESS", "RACK", "PARTITIONS", "LED", "EPOCH", "LAST HEARD"], rows, "no brokers are registered");
  noteWithoutLeader(report);
}

/** Where states and signs of life are as old as the log that was read. */
export function noteWithoutLeader({ leader, controllers }: ClusterReport): void {
  if (leader !== null) return;
  const who = controllers.length === 1 ? "the controller that was asked does not lead" : "no controller leads at the moment";
  process.stderr.write(`tidemq: ${who}: what is shown of brokers is what it has read, not what it hears\n`);
}
