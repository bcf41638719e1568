import type { ServingConfig } from "../../config/server-config.ts";
import { CommandLog } from "../../controller/command-log.ts";
import { Controller, type ControllerOptions } from "../../controller/controller.ts";
import { StateNames } from "../../controller/state-names.ts";
import { LocalMetadataLog } from "../../metadata-log/local/local-log.ts";
import type { BrokerSizes } from "../broker/broker.ts";
import type { World } from "../world.ts";
import type { ControlPlane, RegisteredLog } from "./control-plane.ts";

/** `tidemq start` is one node, and this is its number. */
export const NODE_ID = 1;

export type LocalControlOptions = Readonly<{ controller: ControllerOptions; snapshotLogBytesMin: number }>;

const REPLICATION_FACTOR = 1;

export function localControlOptions(config: ServingConfig, sizes: BrokerSizes): LocalControlOptions {
  const { defaultPartitions } = config;
  return {
    controller: { defaultPartitions, defaultReplicationFactor: REPLICATION_FACTOR },
    snapshotLogBytesMin: sizes.snapshotLogBytesMin,
  };
}

/** The control plane of one node: a metadata log in its own folder, which it claims for itself. */
export class LocalControl implements ControlPlane {
  readonly brokerId = NODE_ID;
  readonly controller: Controller;
  readonly named: StateNames;
  readonly #log: LocalMetadataLog;
  readonly #commands: CommandLog;

  /** Replays the log; appends nothing. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT. */
  static async open(options: LocalControlOptions, world: World): Promise<LocalControl> {
    const { disk, clock, random, log: logger } = world;
    const fatal = (error: Error): void => world.fatal(error);
    const log = await LocalMetadataLog.open({ disk, clock, random, logger, fatal });
    const { snapshotLogBytesMin } = options;
    const commands = await CommandLog.open({ clusterId: log.clusterId, snapshotLogBytesMin }, { log, clock, random, logger, fatal });
    return new LocalControl(log, commands, new Controller(options.controller, { applied: commands.applied, commands, random }));
  }

  private constructor(log: LocalMetadataLog, commands: CommandLog, controller: Controller) {
    this.#log = log;
    this.#commands = commands;
    this.controller = controller;
    this.named = new StateNames(controller.state);
  }

  get logBytes(): number {
    return this.#log.bytes;
  }

  get problem(): string | undefined {
    const { roomProblem } = this.#log;
    return roomProblem === undefined
      ? undefined
      : `the disk of the metadata is full: topics, options and uploads wait until there is room; ${roomProblem}`;
  }

  /** Compares the two logs before it appends anything. */
  async register(log: RegisteredLog): Promise<number> {
    this.#log.checkReaches(log.walIndex);
    await this.#commands.claim();
    const { brokerEpoch } = await this.controller.registerBroker({ id: NODE_ID, host: "localhost", rack: "", ...log });
    return brokerEpoch;
  }

  async lead(): Promise<void> {
    await this.controller.electLeaders(NODE_ID);
  }

  /** There is nobody else. */
  handOver(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.controller.close();
    await this.#log.close();
  }
}
