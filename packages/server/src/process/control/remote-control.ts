import { Buffer } from "node:buffer";
import { must } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import type { BrokerIdentity } from "../../cluster/commands.ts";
import { AppliedState } from "../../controller/applied-state.ts";
import type { BrokerLoad } from "../../controller/broker-sessions.ts";
import { Controller, type ControllerOptions } from "../../controller/controller.ts";
import { ControllerLink, LeftBehindError } from "../../controller/session/controller-link.ts";
import { readFirstState } from "../../controller/session/first-state.ts";
import { RemoteNames } from "../../controller/session/remote-names.ts";
import { type Clock, sleep } from "../../io/clock.ts";
import type { Random } from "../../io/random.ts";
import type { Peer } from "../../peer-net/peer.ts";
import type { Log } from "../../telemetry/log.ts";
import type { ControlPlane, RegisteredLog } from "./control-plane.ts";

/** Before it is said again that the broker is ready. */
const READY_RETRY_MS = 200;
/** A broker that stops waits so long for others to lead: without a controller its clients find out by themselves. */
const HAND_OVER_WAIT_MS = 1_000;
const NO_CONTROLLER = "no controller is heard: topics, options and uploads wait; produce and fetch go on";

export type RemoteControlOptions = Readonly<{
  broker: Pick<BrokerIdentity, "id" | "host" | "rack" | "listeners">;
  controller: ControllerOptions;
  /** Whose data lies in this folder; undefined: it is new. */
  clusterId: string | undefined;
}>;

export type RemoteControlParts = Readonly<{
  controllers: readonly Peer[];
  clock: Clock;
  random: Random;
  logger: Log;
  load(): BrokerLoad;
  fatal(error: Error): void;
}>;

/** The control plane of a broker in a cluster: a session with whichever controller leads (docs/rfcs/0009-brokers-and-their-controller.md). */
export class RemoteControl implements ControlPlane {
  readonly brokerId: number;
  readonly controller: Controller;
  readonly named: RemoteNames;
  readonly logBytes = 0;
  readonly #options: RemoteControlOptions;
  readonly #parts: RemoteControlParts;
  readonly #link: ControllerLink;
  #isReady = false;
  #isSaying = false;
  #isClosed = false;

  /**
   * Resolves when everything is applied here that was in the log when it was asked: waits for a controller as long as it takes.
   * @throws {QueueError} START_REFUSED: the folder belongs to another cluster; CORRUPT_METADATA, NEWER_FORMAT.
   */
  static async open(options: RemoteControlOptions, parts: RemoteControlParts): Promise<RemoteControl> {
    for (;;) {
      try {
        return await RemoteControl.#openOnce(options, parts);
      } catch (error) {
        if (!(error instanceof LeftBehindError)) throw error;
      }
    }
  }

  static async #openOnce(options: RemoteControlOptions, parts: RemoteControlParts): Promise<RemoteControl> {
    const { controllers, clock, random, logger } = parts;
    const { broker, clusterId } = options;
    const state = await readFirstState(broker.id, { controllers, clock, random, logger });
    if (clusterId !== undefined && clusterId !== state.clusterId)
      throw new QueueError(
        "START_REFUSED",
        `the data folder belongs to cluster ${clusterId}, the controllers are those of ${state.clusterId}: ` +
          "give the right --data, or the right --controllers",
      );
    const control = new RemoteControl(options, parts, new AppliedState(state));
    await control.#follow();
    return control;
  }

  private constructor(options: RemoteControlOptions, parts: RemoteControlParts, applied: AppliedState) {
    const { controllers, clock, random, logger, load, fatal } = parts;
    this.#options = options;
    this.#parts = parts;
    this.brokerId = options.broker.id;
    const fenced = (): void => void this.#sayReady();
    this.#link = new ControllerLink({ applied, controllers, clock, random, logger, load, fenced, fatal });
    this.controller = new Controller(options.controller, { applied, commands: this.#link, random });
    this.named = new RemoteNames(applied.state, controllers);
  }

  get problem(): string | undefined {
    return this.#link.isOpen ? undefined : NO_CONTROLLER;
  }

  register(log: RegisteredLog): Promise<number> {
    const incarnation = Buffer.from(this.#parts.random.bytes(16)).toString("hex");
    return this.#link.register({ ...this.#options.broker, ...log, incarnation });
  }

  async lead(): Promise<void> {
    this.#isReady = true;
    await this.#sayReady();
  }

  async handOver(): Promise<void> {
    this.#isReady = false; // it is fenced by its own wish
    if (!this.#othersCanLead) return;
    const { controller, brokerId } = this;
    const { clock, logger } = this.#parts;
    const startMs = clock.monotonicMs();
    const { epoch } = must(controller.state.brokers.get(brokerId), "a broker that is registered");
    const handed = controller.fenceBroker(brokerId, epoch).then(
      (partitions) => logger.info("others lead what they can", { led: partitions, tookMs: Math.round(clock.monotonicMs() - startMs) }),
      () => undefined, // the session ends soon, and that says the same
    );
    await Promise.race([handed, sleep(clock, HAND_OVER_WAIT_MS)]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.controller.close();
  }

  async #follow(): Promise<void> {
    this.#link.start();
    await this.#link.caughtUp();
  }

  get #isFenced(): boolean {
    return this.controller.state.brokers.get(this.brokerId)?.fenced !== false;
  }

  /** Of anything that this broker leads. */
  get #othersCanLead(): boolean {
    for (const { leader, inSync } of this.controller.state.partitions.values())
      if (leader === this.brokerId && inSync.length > 1) return true;
    return false;
  }

  /** Until it is so. */
  async #sayReady(): Promise<void> {
    if (!this.#isReady || this.#isSaying) return;
    this.#isSaying = true;
    while (this.#isFenced && !this.#isClosed) {
      try {
        await this.controller.electLeaders(this.brokerId);
      } catch {
        await sleep(this.#parts.clock, READY_RETRY_MS);
      }
    }
    this.#isSaying = false;
  }
}
