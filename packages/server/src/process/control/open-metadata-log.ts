import { QueueError } from "../../base/errors.ts";
import type { Clock } from "../../io/clock.ts";
import type { Disk } from "../../io/disk.ts";
import type { ObjectStore } from "../../io/object-store.ts";
import { type Random, textId } from "../../io/random.ts";
import { LocalMetadataLog } from "../../metadata-log/local/local-log.ts";
import type { MetadataLog } from "../../metadata-log/metadata-log.ts";
import { createClusterId, readClusterId } from "../../metadata-log/object/cluster-key.ts";
import { ObjectMetadataLog } from "../../metadata-log/object/object-log.ts";
import { PatientStore } from "../../metadata-log/object/patient-store.ts";
import type { Log } from "../../telemetry/log.ts";
import { foreignKey } from "../../tier/bucket-owner.ts";

const CLUSTER_ID_BYTES = 16;

export type MetadataLogParts = Readonly<{
  store: ObjectStore;
  /** Of a log in the data folder; undefined: it lies in the bucket. */
  disk: Disk | undefined;
  clock: Clock;
  random: Random;
  logger: Log;
  fatal(error: Error): void;
}>;

export type OpenedMetadataLog = Readonly<{ log: MetadataLog; clusterId: string }>;

/**
 * The log that the controllers of a cluster write to, in the bucket or in the folder of the only one. The bucket is this cluster's
 * from then on; a new one gets a cluster. Waits until object storage answers.
 * @throws {QueueError} START_REFUSED: the bucket is another's; CORRUPT_METADATA, NEWER_FORMAT.
 */
export async function openMetadataLog(parts: MetadataLogParts): Promise<OpenedMetadataLog> {
  const { store, disk, clock, random, logger, fatal } = parts;
  const patient = new PatientStore({ store, clock, random, logger });
  if (disk === undefined) {
    const clusterId = (await readClusterId(patient)) ?? (await newCluster(parts, patient));
    return { log: new ObjectMetadataLog({ store, clock, random, logger, clusterId }), clusterId };
  }
  const log = await LocalMetadataLog.open({ disk, clock, random, logger, fatal });
  const owner = await createClusterId(patient, log.clusterId, "elsewhere");
  if (owner === log.clusterId) return { log, clusterId: owner };
  await log.close();
  throw refused(`the bucket belongs to cluster ${owner}, the data folder to ${log.clusterId}: give the right --object-storage or --data`);
}

/** Not beside objects of a cluster whose metadata lies elsewhere. Several controllers may begin at once. */
async function newCluster({ random, logger }: MetadataLogParts, patient: PatientStore): Promise<string> {
  const clusterId = textId(() => random.bytes(CLUSTER_ID_BYTES));
  const foreign = await foreignKey(patient, clusterId);
  const begun = foreign === undefined ? undefined : await readClusterId(patient);
  if (begun !== undefined) return begun;
  if (foreign !== undefined)
    throw refused(
      "the bucket holds objects, but no metadata of a cluster: give an empty one with --object-storage, or bring the metadata of the " +
        `node that they belong to here with \`tidemq metadata copy\`. key=${foreign}`,
    );
  const created = await createClusterId(patient, clusterId);
  if (created === clusterId) logger.info("a new cluster begins", { clusterId });
  return created;
}

function refused(message: string): QueueError {
  return new QueueError("START_REFUSED", message);
}
