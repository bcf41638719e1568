import { BrokerFencing } from "../../controller/broker-fencing.ts";
import { CommandLog } from "../../controller/command-log.ts";
import { Controller, type ControllerOptions } from "../../controller/controller.ts";
import { Leadership } from "../../controller/leadership.ts";
import { LostBrokers } from "../../controller/lost-brokers.ts";
import { PreferredLeadersDriver } from "../../controller/preferred-leaders-driver.ts";
import { BrokerService } from "../../controller/session/broker-service.ts";
import { describeBrokers } from "../../controller/session/description.ts";
import type { Clock } from "../../io/clock.ts";
import type { PeerServices, PeerTransport } from "../../io/peer-transport.ts";
import type { Random } from "../../io/random.ts";
import type { MetadataLog } from "../../metadata-log/metadata-log.ts";
import { BROKER_SESSION } from "../../peer-net/broker-session.ts";
import { encodeMessage } from "../../peer-net/messages.ts";
import { Description } from "../../peer-net/proto/controller/broker.ts";
import type { Log } from "../../telemetry/log.ts";
import { SERVER_VERSION } from "../version.ts";

export type ControllerNodeOptions = Readonly<{
  nodeId: number;
  clusterId: string;
  controller: ControllerOptions;
  snapshotLogBytesMin: number;
}>;

export type ControllerNodeParts = Readonly<{
  /** Closed with the node. `problem`: why it does not answer at the moment. */
  log: MetadataLog & Readonly<{ problem?: string | undefined }>;
  transport: PeerTransport;
  clock: Clock;
  random: Random;
  logger: Log;
  fatal(error: Error): void;
}>;

/** One controller of a cluster: follows the metadata log, decides when it is its turn, has sessions with brokers. */
export class ControllerNode {
  readonly options: ControllerNodeOptions;
  readonly commands: CommandLog;
  readonly controller: Controller;
  readonly leadership: Leadership;
  readonly fencing: BrokerFencing;
  readonly preferredLeaders: PreferredLeadersDriver;
  readonly service: BrokerService;
  readonly #parts: ControllerNodeParts;
  readonly #openedMs: number;

  /** Replays the log, however long the bucket is away. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT. */
  static async open(options: ControllerNodeOptions, parts: ControllerNodeParts): Promise<ControllerNode> {
    return new ControllerNode(options, parts, await CommandLog.open(options, parts));
  }

  private constructor(options: ControllerNodeOptions, parts: ControllerNodeParts, commands: CommandLog) {
    const { log, transport, clock, random, logger, fatal } = parts;
    this.options = options;
    this.commands = commands;
    this.#parts = parts;
    this.#openedMs = clock.monotonicMs();
    this.controller = new Controller(options.controller, { applied: commands.applied, commands, random });
    const { controller } = this;
    this.leadership = new Leadership({ commands, log, clock, random, logger, fatal });
    const { leadership } = this;
    this.fencing = new BrokerFencing({ controller, leadership, clock, logger });
    const { fencing } = this;
    this.preferredLeaders = new PreferredLeadersDriver({ controller, leadership, clock, logger });
    const lost = new LostBrokers({ transport, state: controller.state, fencing, clock, logger });
    this.service = new BrokerService({ commands, controller, leadership, fencing, lost, log, clock });
  }

  /** What the others of the cluster can ask. */
  get services(): PeerServices {
    const { calls, streams } = this.service.services;
    const describe = (): Promise<Uint8Array[]> => Promise.resolve([...encodeMessage(Description, this.describe())]);
    return { calls: new Map([...calls, [BROKER_SESSION.describe, describe]]), streams };
  }

  /** Takes part from now on. */
  start(): void {
    this.leadership.start();
  }

  /** Why nothing goes on at the moment; undefined: nothing that is known stands in the way. */
  get problem(): string | undefined {
    const { problem } = this.#parts.log;
    return problem === undefined ? undefined : `the metadata log does not answer: ${problem}; nothing of the metadata changes meanwhile`;
  }

  describe(): Description {
    const { nodeId, clusterId } = this.options;
    const { state } = this.controller;
    const nowMs = this.#parts.clock.monotonicMs();
    return {
      nodeId,
      clusterId,
      version: SERVER_VERSION,
      leads: this.leadership.leads,
      controllerEpoch: state.controllerEpoch,
      index: state.index,
      uptimeMs: Math.round(nowMs - this.#openedMs),
      problem: this.problem ?? "",
      brokers: describeBrokers(state, (broker) => this.fencing.session(broker), nowMs),
    };
  }

  /** Whether the log answers or not. What was asked and has no answer yet stays open, as with any other end. */
  async close(): Promise<void> {
    this.leadership.stop();
    this.fencing.stop();
    this.preferredLeaders.stop();
    this.service.stop();
    this.commands.stop();
    await this.#parts.log.close();
    await this.commands.close();
  }
}
