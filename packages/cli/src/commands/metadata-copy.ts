import type { CopyResult, CopyStep, CopyUi } from "@tidemq/server/operations/copy-metadata.ts";
import { UsageError } from "../command-error.ts";
import { type StoreOptions, withPlaces } from "../metadata-places.ts";
import { bytesText, type OutputForm, printPairs, printResult, write } from "../output.ts";

type Options = StoreOptions & Readonly<{ from: string; to: string; dryRun: boolean; acceptSecondCopy: boolean; output: OutputForm }>;

type Shown = Readonly<{ from: string; to: string }> & CopyResult;

const STEPS: Readonly<Record<CopyStep, string>> = {
  reading: "reading the source",
  waiting: "making sure that nobody writes to it",
  writing: "writing the copy",
  verifying: "reading the copy back",
  retiring: "marking the source as moved",
  activating: "letting the copy count",
  "reading back": "reading it once more, as a start does",
};

/** Moves metadata to an empty place. */
export async function copyMetadata(options: Options): Promise<void> {
  const { from, to, dryRun, acceptSecondCopy } = options;
  const result = await withPlaces(options, async (places): Promise<Shown> => {
    if (places.nameOf(from) === places.nameOf(to)) throw new UsageError("--from and --to are the same place");
    const { copyMetadata: copy } = await import("@tidemq/server/operations/copy-metadata.ts");
    const source = await places.movable(from);
    const target = await places.target(to, dryRun);
    const copied = await copy(source, target, { dryRun, acceptSecondCopy }, { clock: places.clock, ui: stderrUi() });
    return { from: source.name, to: target.name, ...copied };
  });
  if (options.output === "table") await print(result);
  else await printResult(options.output, result);
}

/** One line a step, and how much was written, on standard error. */
function stderrUi(): CopyUi {
  const draws = process.stderr.isTTY;
  return {
    step: (step) => process.stderr.write(`${draws ? "\r\u001b[K" : ""}${STEPS[step]}\n`),
    wrote: (bytes) => draws && process.stderr.write(`\r\u001b[K  ${bytesText(bytes)}`),
  };
}

async function print(result: Shown): Promise<void> {
  const { outcome, from, to, clusterId, index, stateHash, advice } = result;
  await printPairs([
    [outcome, `${from} → ${to}`],
    ["cluster", clusterId],
    ["index", index],
    ["state", stateHash],
  ]);
  if (advice !== undefined) await write(process.stdout, `! ${advice}\n`);
  if (outcome === "would copy") await write(process.stdout, "nothing was changed (--dry-run)\n");
  else await write(process.stdout, `it goes on in ${to}; a start with ${from} is refused from now on\n`);
}
