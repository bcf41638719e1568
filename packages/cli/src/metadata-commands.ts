import type { Command } from "commander";
import { examples, group, outputOption } from "./command-parts.ts";

const PLACES = `
Places:
  ./data                        the data folder of a server (not its folder of objects)
  s3://BUCKET/PREFIX            metadata in object storage, as with --object-storage of a server; gs://, az:// and dir:PATH likewise,
                                with the same credentials and variables of the environment (TIDEMQ_S3_ENDPOINT, …)`;

/** `tidemq metadata`. */
export function addMetadata(program: Command): void {
  const metadata = group(program, "metadata", "the metadata of a cluster: look into it, keep a copy, move it");
  addDescribe(metadata);
  addSnapshot(metadata);
  addCopy(metadata);
}

function addDescribe(metadata: Command): void {
  const describe = storeOptions(metadata.command("describe"))
    .description("show what a place of metadata holds; changes nothing, and a server may be running")
    .requiredOption("--from <place>", "a place, see below, or a snapshot file")
    .option("--json", "the same as --output json", false)
    .addOption(outputOption())
    .action(async (options) => {
      const { describeMetadata } = await import("./commands/metadata-describe.ts");
      await describeMetadata(options);
    });
  describe.addHelpText("after", PLACES);
  examples(describe, [
    "tidemq metadata describe --from ./data",
    "tidemq metadata describe --from s3://my-bucket/production --json",
    "tidemq metadata describe --from before-upgrade.snapshot",
  ]);
}

function addSnapshot(metadata: Command): void {
  const snapshot = storeOptions(metadata.command("snapshot"))
    .description("write what a place of metadata holds to a file that can be checked alone; a server may be running")
    .requiredOption("--from <place>", "a place, see below")
    .requiredOption("--out <file>", "a new file")
    .addOption(outputOption())
    .action(async (options) => {
      const { writeSnapshot } = await import("./commands/metadata-snapshot.ts");
      await writeSnapshot(options);
    });
  snapshot.addHelpText("after", PLACES);
  examples(snapshot, ["tidemq metadata snapshot --from ./data --out before-upgrade.snapshot"]);
}

function addCopy(metadata: Command): void {
  const copy = storeOptions(metadata.command("copy"))
    .description("move the metadata of a cluster that is stopped to an empty place, where it goes on")
    .requiredOption("--from <place>", "where it is; from then on a start there is refused")
    .requiredOption("--to <place>", "where it goes; nothing of metadata may be there")
    .option("--dry-run", "look whether it could be done, and change nothing", false)
    .option("--accept-second-copy", "the source was moved before: what it went to is given up, and never started again", false)
    .addOption(outputOption())
    .action(async (options) => {
      const { copyMetadata } = await import("./commands/metadata-copy.ts");
      await copyMetadata(options);
    });
  copy.addHelpText("after", PLACES);
  examples(copy, [
    "tidemq metadata copy --from ./data --to s3://my-bucket/production --dry-run",
    "tidemq metadata copy --from ./data --to s3://my-bucket/production",
    "tidemq metadata copy --from s3://my-bucket/production --to ./data      the way back, into a folder without `meta`",
  ]);
}

/** Those of `tidemq start` that say more about a store. */
function storeOptions(command: Command): Command {
  return command
    .exitOverride()
    .showHelpAfterError("(--help explains the command)")
    .option("--s3-endpoint <url>", "the service behind s3://, if it is not AWS")
    .option("--s3-region <name>", "the region of an s3:// bucket")
    .option("--s3-path-style <on|off>", "whether the bucket's name stands in the path of requests")
    .option("--gcs-endpoint <url>", "the service behind gs://, for tests")
    .option("--azure-endpoint <url>", "the account behind az://");
}
