import type { Client } from "@tidemq/client/client.ts";
import type { Position } from "@tidemq/client/consumer-partition.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { CommandError, UsageError } from "../command-error.ts";
import { GroupReading, PartitionsReading } from "../reading.ts";
import { parseFormat, type RecordFormat, VALUE_LINES } from "../record-format.ts";
import { RecordPrinter } from "../record-printer.ts";
import { RetryNotice } from "../retry-notice.ts";
import { parseTimestamp } from "../timestamp.ts";

type Options = ClusterOptions &
  Readonly<{
    fromBeginning?: boolean;
    offset?: number;
    timestamp?: string;
    partition: readonly number[];
    group?: string;
    rack?: string;
    max?: number;
    untilEnd: boolean;
    format?: string;
  }>;

export async function consumeRecords(name: string, options: Options): Promise<void> {
  const format = formatOf(options);
  const from = startOf(options);
  if (options.group !== undefined) checkForGroup(options.group, options);
  await withClient(options.bootstrap, async (client) => {
    const partitions = await partitionsOf(client, name, options.partition);
    const notice = new RetryNotice();
    const how = { onRetry: notice.tell.bind(notice), rackId: options.rack };
    const ends = options.untilEnd ? await offsets(client, name, partitions, "latest") : undefined;
    const reading =
      options.group === undefined
        ? new PartitionsReading(client.consumer(how), name, await positions(client, name, partitions, from))
        : new GroupReading(client.groupConsumer(options.group, { ...how, from: from as Exclude<Start, { offset: number }> }), name);
    await new RecordPrinter(reading, name, format, { recordsMax: options.max, ends }).print();
  });
}

/** The group tells members what to read, and remembers where. @throws {UsageError} */
function checkForGroup(group: string, { partition, offset }: Options): void {
  if (partition.length > 0)
    throw new UsageError("--group and --partition exclude one another: the group spreads partitions over its members");
  if (offset === undefined) return;
  throw new UsageError(
    `--group and --offset exclude one another; to move the group: tidemq group reset-offsets ${group} --topic NAME --to-offset N`,
  );
}

/** Where each partition begins. */
async function positions(client: Client, name: string, partitions: readonly number[], from: Start): Promise<Map<number, Position>> {
  if (typeof from === "string" || !("offset" in from)) return new Map(partitions.map((partition) => [partition, from]));
  if (from.offset >= 0) return new Map(partitions.map((partition) => [partition, from.offset]));
  const [firsts, ends] = await Promise.all([offsets(client, name, partitions, "earliest"), offsets(client, name, partitions, "latest")]);
  const place = (partition: number): number => Math.max(firsts.get(partition) ?? 0, (ends.get(partition) ?? 0) + from.offset);
  return new Map(partitions.map((partition) => [partition, place(partition)]));
}

async function offsets(
  client: Client,
  topic: string,
  partitions: readonly number[],
  at: "earliest" | "latest",
): Promise<Map<number, number>> {
  const answers = await client.admin.listOffsets(partitions.map((partition) => ({ topic, partition, at })));
  return new Map(answers.map((answer) => [answer.partition, answer.offset]));
}

type Start = Exclude<Position, number> | Readonly<{ offset: number }>;

function startOf({ fromBeginning, offset, timestamp }: Options): Start {
  const given = [fromBeginning, offset, timestamp].filter((one) => one !== undefined && one !== false);
  if (given.length > 1) throw new UsageError("--from-beginning, --offset and --timestamp exclude one another");
  if (offset !== undefined) return { offset };
  if (timestamp !== undefined) return { timestampMs: parseTimestamp(timestamp) };
  return fromBeginning === true ? "earliest" : "latest";
}

function formatOf({ format, output }: Options): RecordFormat {
  if (format !== undefined) return parseFormat(format);
  if (output === "yaml" || output === "csv")
    throw new UsageError(`records are not printed as ${output}; use --output json, or say how with --format`);
  return output === "json" ? parseFormat("json") : VALUE_LINES;
}

async function partitionsOf(client: Client, name: string, wanted: readonly number[]): Promise<number[]> {
  const [topic] = await client.cluster.topics([name]);
  const all = (topic?.partitions ?? []).map((partition) => partition.index);
  const missing = wanted.find((index) => !all.includes(index));
  if (missing !== undefined) {
    throw new CommandError(
      `topic ${name} has no partition ${missing}: it has ${all.length}, numbered from 0`,
      `See them: tidemq topic describe ${name}`,
    );
  }
  return wanted.length === 0 ? all : [...new Set(wanted)];
}
