import type { DescribedBroker, MetadataDescription } from "@tidemq/server/operations/describe-metadata.ts";
import { type StoreOptions, withPlaces } from "../metadata-places.ts";
import { bytesText, type Cell, countText, type OutputForm, printPairs, printResult, printTable, write } from "../output.ts";

type Options = StoreOptions & Readonly<{ from: string; json: boolean; output: OutputForm }>;

/** Prints what a place of metadata holds. */
export async function describeMetadata(options: Options): Promise<void> {
  const description = await withPlaces(options, async (places) => {
    const { describeMetadata: describe } = await import("@tidemq/server/operations/describe-metadata.ts");
    return describe(await places.source(options.from), places.clock);
  });
  const form = options.json ? "json" : options.output;
  if (form === "table") await print(description);
  else await printResult(form, description);
}

async function print(of: MetadataDescription): Promise<void> {
  await printPairs([
    ["place", placeText(of)],
    ["cluster", of.clusterId],
    [
      "formats",
      Object.entries(of.formats)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    ],
    ["newest index", countText(of.newestIndex)],
    ...logPairs(of),
    ["controller", `epoch ${of.controller.epoch}${of.controller.holder === "" ? "" : `, held by ${of.controller.holder}`}`],
    ["topics", `${countText(of.counts.topics)}${of.counts.internalTopics === 0 ? "" : ` and ${of.counts.internalTopics} of our own`}`],
    ["partitions", countText(of.counts.partitions)],
    ["groups", of.counts.groupPartitions === 0 ? "none yet" : `kept in ${of.counts.groupPartitions} partitions`],
    ["objects", `${countText(of.counts.objects)} with ${countText(of.counts.ranges)} ranges, beside those in manifests`],
    ["state", of.stateHash],
    ...(of.hashWhenWritten === null ? [] : [["state when written", of.hashWhenWritten] as const]),
  ]);
  if (of.movedTo !== null)
    await write(process.stdout, `! it was moved to ${of.movedTo.place} at index ${of.movedTo.index}, and goes on there\n`);
  if (of.brokers.length === 0) return;
  await write(process.stdout, "\n");
  await printTable(["BROKER", "EPOCH", "STATE", "HOST", "RACK", "LISTENERS"], of.brokers.map(brokerRow), "");
}

function placeText({ place, kind, running }: MetadataDescription): string {
  if (kind === "file") return `${place} (snapshot file)`;
  if (kind === "bucket") return place;
  return running === true ? `${place} (a server is running there)` : running === false ? `${place} (not running)` : place;
}

function logPairs({ kind, snapshot, log, firstIndex }: MetadataDescription): (readonly [string, Cell])[] {
  const age = snapshot?.ageMs === undefined || snapshot.ageMs === null ? "" : `, ${ageText(snapshot.ageMs)} old`;
  const text = snapshot === null ? "none" : `index ${countText(snapshot.index)}, ${bytesText(snapshot.bytes)}${age}`;
  if (kind === "file") return [["snapshot", text]];
  return [
    ["log begins at", countText(firstIndex)],
    ["snapshot", text],
    ["behind it", `${countText(log.batches)} batches, ${bytesText(log.bytes)}`],
  ];
}

function brokerRow({ id, epoch, fenced, host, rack, listeners }: DescribedBroker): readonly Cell[] {
  const places = listeners.map(({ name, host: at, port }) => `${name} ${at}:${port}`).join(", ");
  return [id, epoch, fenced ? "fenced" : "in service", host, rack === "" ? "–" : rack, places === "" ? "–" : places];
}

function ageText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
