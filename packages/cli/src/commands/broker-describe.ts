import { addressText } from "@tidemq/client/transport.ts";
import { askClusterOnly, type BrokerLoad, type BrokerReport, type PeerReport } from "../cluster-report.ts";
import { CommandError } from "../command-error.ts";
import { agoText, bytesText, type Cell, percentText, printPairs, printResult, printTable, write } from "../output.ts";
import { type NodeOptions, noteWithoutLeader } from "./broker-list.ts";

export async function describeBroker(id: number, options: NodeOptions): Promise<void> {
  const report = await askClusterOnly(options.http);
  const broker = report.brokers.find((one) => one.id === id);
  if (broker === undefined) throw new CommandError(`no broker ${id} is registered`, "See what there is: tidemq broker list");
  const { peers } = report;
  if (options.output !== "table") return printResult(options.output, { ...broker, askedAt: options.http, peers });
  await printPairs([
    ["broker", broker.id],
    ["state", broker.state],
    ["rack", broker.rack ?? "–"],
    ["epoch", broker.epoch ?? "–"],
    ["last heard", agoText(broker.heardMs)],
    ["partitions", `${broker.partitions}, leads ${broker.partitionsLed}`],
    ["metadata", metadataText(broker)],
    ...loadPairs(broker.load),
  ]);
  await write(process.stdout, "\n");
  const listeners = broker.listeners.map(({ name, host, port }) => [name, addressText({ host, port })]);
  await printTable(["LISTENER", "ADDRESS"], listeners, "no listeners");
  await write(process.stdout, `\nconnections of the node at ${options.http}\n`);
  await printTable(PEER_HEAD, peers.map(peerRow), "none: it is a controller");
  noteWithoutLeader(report);
}

function metadataText({ appliedIndex, lag }: BrokerReport): string {
  if (appliedIndex === null) return "–";
  return `applied up to batch ${appliedIndex}${lag === null ? "" : `, ${lag} behind the controller when it was heard`}`;
}

function loadPairs(load: BrokerLoad | null): (readonly [string, Cell])[] {
  if (load === null) return [];
  const { cpuRatio, memoryBytes, memoryBytesMax, diskBytes, diskBytesMax, receivedBytesPerSecond, sentBytesPerSecond } = load;
  return [
    ["processor", cpuRatio === undefined ? "–" : `${percentText(cpuRatio)} of one core`],
    ["memory", usedText(memoryBytes, memoryBytesMax)],
    ["write-ahead log", usedText(diskBytes, diskBytesMax)],
    ["clients", `${rateText(receivedBytesPerSecond)} in, ${rateText(sentBytesPerSecond)} out`],
  ];
}

function usedText(used: number | undefined, max: number | undefined): string {
  if (used === undefined) return "–";
  return max === undefined || max === 0 ? bytesText(used) : `${bytesText(used)} of ${bytesText(max)} (${percentText(used / max)})`;
}

function rateText(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? "–" : `${bytesText(bytesPerSecond)}/s`;
}

const PEER_HEAD = [
  "CONTROLLER AT",
  "BREAKER",
  "RTT",
  "SENT",
  "RECEIVED",
  "CALLS",
  "STREAMS",
  "FAILURES",
  "IN A ROW",
  "REFUSED",
  "LAST ERROR",
];

function peerRow(peer: PeerReport): Cell[] {
  const { address, isConnected, breaker, failuresInARow, rttMs, sentBytes, receivedBytes, counts = {}, lastError } = peer;
  const text = breaker === undefined ? "–" : `${breaker}${isConnected === false ? ", not connected" : ""}`;
  return [
    address === undefined ? "–" : addressText(address),
    text,
    rttMs === undefined ? "–" : `${rttMs.toFixed(1)} ms`,
    sentBytes === undefined ? "–" : bytesText(sentBytes),
    receivedBytes === undefined ? "–" : bytesText(receivedBytes),
    counts.calls ?? "–",
    counts.streams ?? "–",
    counts.failures ?? "–",
    failuresInARow ?? "–",
    counts.refused ?? "–",
    lastError ?? "–",
  ];
}
