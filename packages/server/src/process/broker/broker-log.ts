import { must } from "../../base/assert.ts";
import { isKept } from "../../cluster/cluster-state.ts";
import type { ServingConfig } from "../../config/server-config.ts";
import type { Controller } from "../../controller/controller.ts";
import { Partition } from "../../partition/partition.ts";
import type { Log } from "../../telemetry/log.ts";
import { type OpenedWal, type RecoveryReport, Wal, type WalPartition } from "../../wal/wal.ts";
import type { World } from "../world.ts";
import type { Broker, BrokerSizes } from "./broker.ts";

export const WAL_FOLDER = "wal";
const FLUSH_INTERVAL_MS = 1_000;
/** Thousands of partitions share a group: of what a start finds damaged so much is told one by one. */
const DAMAGE_LINES_MAX = 10;

/** The log is opened before those exist whom it tells of durable groups; nothing is appended until they do. */
export class LogWiring {
  #broker: Broker | undefined;
  #notedBytes = 0;

  connect(broker: Broker): void {
    this.#broker = broker;
  }

  /** Those that wait for object storage are not open yet. */
  readonly hasBase = (partition: WalPartition): boolean => partition.owner !== undefined;

  readonly baseOf = (partition: WalPartition): Uint8Array => ownerOf(partition).baseForLog();

  readonly durable = (partition: WalPartition): void => ownerOf(partition).durableMoved();

  readonly damaged = (partition: WalPartition): void => this.#broker?.logDamaged(partition.id);

  readonly groupDone = (): void => {
    const broker = must(this.#broker, "the broker of the log");
    broker.replicator?.durable();
    broker.clients.flush();
    broker.world.busy();
    // What is followed here is its leader's to upload.
    const { batchBytes, replicaBytes } = broker.wal.stats;
    const ledBytes = batchBytes - replicaBytes;
    broker.uploader.noteDurable(ledBytes - this.#notedBytes);
    this.#notedBytes = ledBytes;
  };
}

function ownerOf(partition: WalPartition): Partition {
  return must(partition.owner instanceof Partition ? partition.owner : undefined, "the owner of a partition's log");
}

/** What a start did to the write-ahead log that a person may want to know later. */
export function tellRecovery(log: Log, report: RecoveryReport): void {
  const { durableGroup, lastGroup, groupsRescued, groupsCut, offsetsCut, cutByFlip, damage } = report;
  // A mark alone is what every stop leaves.
  if (groupsRescued > 1)
    log.info("groups of the write-ahead log were not known to be synced: written again", { durableGroup, groups: groupsRescued });
  if (cutByFlip)
    log.error(
      "a bit has flipped in what the write-ahead log has of its last moments: what others have is copied again, what nobody has is lost",
      {
        durableGroup,
        lastGroup,
        groups: groupsCut,
        offsets: offsetsCut,
      },
    );
  else if (groupsCut > 0)
    log.warn("the write-ahead log ended within a write, which was cut off", {
      durableGroup,
      lastGroup,
      groups: groupsCut,
      offsets: offsetsCut,
    });
  for (const what of damage.slice(0, DAMAGE_LINES_MAX)) log.error("the write-ahead log is damaged", { what });
  const more = damage.length - DAMAGE_LINES_MAX;
  if (more > 0) log.error("more of the write-ahead log is damaged", { more });
}

/** The write-ahead log of this broker's partitions. @throws WalOpenError */
export function openLog(
  nodeId: number,
  config: ServingConfig,
  sizes: BrokerSizes,
  world: World,
  controller: Controller,
  wiring: LogWiring,
): Promise<OpenedWal> {
  const { disk, clock, random, log } = world;
  const hosted = [...controller.state.partitions.values()].filter((partition) => partition.replicas.includes(nodeId) && isKept(partition));
  const byId = new Map(hosted.map((partition) => [partition.id, partition]));
  const options = {
    folder: WAL_FOLDER,
    fileBytes: config.walFileBytes,
    capacityBytes: config.walCapacityBytes,
    sync: config.sync,
    flushIntervalMs: FLUSH_INTERVAL_MS,
    slabBytes: sizes.slabBytes,
    slabBudgetBytes: config.writeMemoryBytes,
    indexBytesMax: sizes.indexBytesMax,
  };
  const { hasBase, baseOf, durable, groupDone, damaged } = wiring;
  const parts = { disk, clock, random, log, hasBase, baseOf, durable, groupDone, damaged, fatal: (error: Error) => world.fatal(error) };
  return Wal.open(options, parts, (id) => byId.get(id), byId.keys());
}
