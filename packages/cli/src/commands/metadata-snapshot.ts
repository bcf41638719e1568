import { type StoreOptions, withPlaces } from "../metadata-places.ts";
import { bytesText, countText, type OutputForm, printPairs, printResult } from "../output.ts";
import { startCount } from "../progress.ts";

type Options = StoreOptions & Readonly<{ from: string; out: string; output: OutputForm }>;

/** Writes what a place of metadata holds to a file, and says what that is. */
export async function writeSnapshot(options: Options): Promise<void> {
  const progress = startCount("bytes written");
  const { file, snapshot } = await withPlaces(options, async (places) => {
    const { snapshotMetadata } = await import("@tidemq/server/operations/snapshot-metadata.ts");
    const source = await places.source(options.from);
    const target = await places.newFile(options.out);
    const wrote = (bytes: number): void => progress.update(bytes);
    return { file: target.name, snapshot: await snapshotMetadata(source, target, { clock: places.clock, wrote }) };
  }).finally(() => progress.end());
  if (options.output !== "table") return printResult(options.output, { file, ...snapshot });
  await printPairs([
    ["file", file],
    ["cluster", snapshot.clusterId],
    ["index", countText(snapshot.index)],
    ["size", bytesText(snapshot.bytes)],
    ["state", snapshot.stateHash],
  ]);
}
