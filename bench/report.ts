import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { CASES } from "./cases.ts";
import { KAFKA_VERSION, kafkaProblem } from "./kafka-server.ts";
import { short } from "./statistics.ts";

/** One line of a table: a figure of TideMQ beside another one, and what is aimed at. */
export type Row = Readonly<{
  name: string;
  mode: string;
  figure: string;
  ours: number;
  theirs: number;
  /** Ratio ours / theirs that is aimed at; `limit` instead: a bound of ours alone. */
  goal?: Readonly<{ better: "less" | "more"; ratio?: number; limit?: number }> | undefined;
}>;

export function verdict({ ours, theirs, goal }: Row): string {
  const aim = goal?.limit ?? goal?.ratio;
  const value = goal?.limit === undefined ? ours / theirs : ours;
  if (goal === undefined || aim === undefined || Number.isNaN(value)) return "";
  const met = goal.better === "less" ? value <= aim : value >= aim;
  return `${goal.better === "less" ? "≤" : "≥"} ${short(aim)} ${met ? "reached" : "**missed**"}`;
}

export function table(rows: readonly Row[], other: string): string {
  const lines = rows.map(
    (row) =>
      `| ${row.name} | ${row.mode} | ${row.figure} | ${short(row.ours)} | ${short(row.theirs)} | ${short(row.ours / row.theirs)} | ${verdict(row)} |`,
  );
  return [`| case | sync | figure | TideMQ | ${other} | ratio | goal |`, "|---|---|---|---|---|---|---|", ...lines].join("\n");
}

/** One figure of a cluster, with its bucket in a directory and in a service. */
export type ClusterRow = Readonly<{ figure: string; directory: number; s3: number }>;

export function clusterTable(rows: readonly ClusterRow[]): string {
  const lines = rows.map(({ figure, directory, s3 }) => `| ${figure} | ${short(directory)} | ${short(s3)} |`);
  return ["| figure | directory | S3 service |", "|---|---|---|", ...lines].join("\n");
}

/** Processor, memory, kernel and versions in one line. */
export function machine(): string {
  const model = cpus()[0]?.model ?? "unknown processor";
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  const java = kafkaProblem() === undefined ? ` · ${execFileSync("java", ["--version"], { encoding: "utf8" }).split("\n")[0]}` : "";
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  return `${cpus().length} × ${model} · ${memory} · Linux ${kernel} · Node ${process.version}${java} · Kafka ${KAFKA_VERSION}`;
}

export type Report = Readonly<{
  rounds: number;
  diskMiBPerSecond: number;
  /** Median over the measurements of the cores that others used meanwhile. */
  otherCores: number;
  besideKafka: readonly Row[];
  /** Against the disk, against itself, and limits. */
  alone: readonly Row[];
  cluster: readonly ClusterRow[];
}>;

/** The text of docs/reference/benchmarks.md. */
export function document(report: Report): string {
  const about = CASES.map((each) => `* **${each.name}**: ${each.about}.`).join("\n");
  return `# Benchmarks

Made by \`npm run bench -- --rounds ${report.rounds} --write\`. Both servers run on one machine at the same time, in their default
configuration; one is measured while the other idles; rounds alternate, the first is not counted, the median of the others
is shown. Clients and servers share the processors, and everything is on loopback, without TLS; with one replica, unless it says otherwise.

*unsynced*: both acknowledge what the kernel has (\`--sync off\`; Kafka's default). *synced*: both sync before they acknowledge
(TideMQ's default; Kafka with \`log.flush.interval.messages=1\`). Broker CPU is that of all threads of the process, kernel included,
until it is quiet again: TideMQ's uploads into its directory of objects, which run behind, are in it. Ratio: TideMQ / the other.

${machine()}
Disk: ${short(report.diskMiBPerSecond)} MiB/s (1 GiB written and synced). Cores used by other processes meanwhile: ${short(report.otherCores)}.

## Beside Apache Kafka

${table(report.besideKafka, "Kafka")}

${about}
* **three replicas**: three brokers of each (ours with three controllers beside them, Kafka's are both), partitions with three replicas and
  acks=all, two of them enough; 1 GiB by the raw client over 6 partitions, each connection to its leader; new brokers in each round, one
  side after the other. CPU is that of all processes. A leader that is killed (\`kill -9\`), one that is stopped in order, and all three
  killed and started: until a producer's next record is acknowledged.
* **three replicas, 3,000 partitions**: one topic, on new brokers. \`kill -9\` of a broker: until the others lead all of its partitions, and until one record
  for each partition is acknowledged, sent when it was dead. Idle: all processes together.
* **three replicas, moves and losses**: a partition with 1 GiB that two brokers have goes to one of them and the third; a broker that follows 1 GiB is
  killed and starts with an empty disk. Ours copy what is not uploaded yet. Last, the longest time between two acknowledgements or two records of one
  producer and one consumer in ten seconds, and the same while the controller that leads is killed; Kafka's would take a broker with it.

## Alone

${table(report.alone, "compared with")}

* **cold scan**: the oldest GiB of 3, read from object storage by 6 connections with empty caches, beside \`cat\` of as much of
  the same files into a socket; and the latency of producing 20 MB/s beside such scans and without them, medians of five rounds.
  As fast as it goes, the scan and its client want all processors of a small machine; the paced one leaves some. Kafka reads its
  own files, whose pages are as cold.
* **cold scan from a bucket service**: Versity's gateway on this machine, 512 MiB, beside plain GETs of objects from it over as many
  connections. Kafka has no object storage of its own: no peer.
* **event loop**: the worst 99th percentile of its delay over all cases above.

## A cluster

${clusterTable(report.cluster)}

Three controllers and three brokers, all on this machine, with the metadata log in the bucket: a directory, or Versity's gateway (S3). Medians. What
is changed is asked for through a broker, and counts when that broker has applied it.
`;
}
