import { Buffer } from "node:buffer";
import { QueueError } from "../base/errors.ts";
import { checkCommand, encodeCommand } from "../cluster/command-codec.ts";
import { type Command, isRefusal, type Outcome } from "../cluster/commands.ts";
import { type Clock, paced } from "../io/clock.ts";
import type { Random } from "../io/random.ts";
import type { LogEntry, MetadataLog } from "../metadata-log/metadata-log.ts";
import type { Log } from "../telemetry/log.ts";
import { AppliedState } from "./applied-state.ts";
import type { Commands } from "./commands.ts";
import { REPLAY_TURN_MS } from "./limits.ts";
import { LogWriter, type Placed } from "./log-writer.ts";
import { refusalError } from "./plan-topics.ts";
import { type Replayed, replay } from "./replay.ts";
import { Snapshotter } from "./snapshotter.ts";

export type CommandLogParts = Readonly<{ log: MetadataLog; clock: Clock; random: Random; logger: Log; fatal: (error: Error) => void }>;

export type CommandLogOptions = Readonly<{
  clusterId: string;
  /** Instead of SNAPSHOT_LOG_BYTES_MIN. */
  snapshotLogBytesMin?: number;
}>;

/** The metadata log as who writes to it sees it: claims, commands in the epoch that was claimed, snapshots. A log that fails ends the process. */
export class CommandLog implements Commands {
  readonly applied: AppliedState;
  readonly #writer: LogWriter;
  readonly #snapshotter: Snapshotter;
  readonly #holder: string;
  /** The one that this process claimed; -1 before. */
  #epoch = -1;
  #closed = false;

  private constructor(options: CommandLogOptions, parts: CommandLogParts, replayed: Replayed) {
    this.applied = new AppliedState(replayed.state);
    this.#holder = Buffer.from(parts.random.bytes(8)).toString("hex");
    this.#snapshotter = new Snapshotter(replayed.state, replayed.snapshotBytes, parts, options.snapshotLogBytesMin);
    this.#snapshotter.applied(replayed.logBytes);
    this.#writer = new LogWriter({
      ...parts,
      nonce: this.#holder,
      appliedIndex: () => this.#state.index,
      apply: (entry) => this.#apply(entry),
    });
  }

  /** Snapshot and log → state. Appends nothing. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT. */
  static async open(options: CommandLogOptions, parts: CommandLogParts): Promise<CommandLog> {
    return new CommandLog(options, parts, await replay(parts.log, options.clusterId, paced(parts.clock, REPLAY_TURN_MS)));
  }

  get #state() {
    return this.applied.state;
  }

  /** Whether the newest claim is this process's. What it does not know yet may say otherwise. */
  get isController(): boolean {
    return this.#epoch === this.#state.controllerEpoch;
  }

  /** Becomes the controller in a new epoch. On a local log at once: the folder's lock is the proof. */
  async claim(): Promise<void> {
    const controllerEpoch = this.#state.controllerEpoch + 1;
    const { outcome } = await this.#append({ kind: "claim-controller", holder: this.#holder, controllerEpoch }, controllerEpoch);
    if (isRefusal(outcome)) throw refusalError(outcome);
    this.#epoch = controllerEpoch;
  }

  /** Becomes the controller at exactly the next index of the log. False: somebody else wrote first, and lives. */
  async claimNext(): Promise<boolean> {
    const controllerEpoch = this.#state.controllerEpoch + 1;
    const outcomes = await this.#writer.tryAppend([
      encodeCommand({ controllerEpoch, command: { kind: "claim-controller", holder: this.#holder, controllerEpoch } }),
    ]);
    if (outcomes === undefined || outcomes.some(isRefusal)) return false;
    this.#epoch = controllerEpoch;
    return true;
  }

  /** Tells others that this controller lives: a batch without commands. False: somebody else wrote first. */
  async sayAlive(): Promise<boolean> {
    return (await this.#writer.tryAppend([])) !== undefined;
  }

  /** Applies what others have appended by now. */
  follow(): Promise<void> {
    return this.#writer.follow();
  }

  async submit<C extends Command>(command: C): Promise<Outcome<C["kind"]>> {
    return (await this.submitPlaced(command)).outcome as Outcome<C["kind"]>;
  }

  /** As `submit`, and where in the log the command stands. */
  async submitPlaced(command: Command): Promise<Placed> {
    // Its own epoch, not the state's: that may be of another controller by now, for which this one must not speak.
    if (!this.isController)
      throw new QueueError(
        "NOT_CONTROLLER",
        `this node is not the controller. epoch=${this.#epoch} current=${this.#state.controllerEpoch}`,
      );
    return this.#append(command, this.#epoch);
  }

  /** Refuses what comes from now on. The log may be closed, which ends what is under way: then `close` resolves, though the log does not answer. */
  stop(): void {
    this.#closed = true;
    this.#writer.stop();
    this.#snapshotter.stop();
  }

  /** The log stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writer.idle();
    await this.#snapshotter.idle();
  }

  async #append(command: Command, controllerEpoch: number): Promise<Placed> {
    if (this.#closed) throw new QueueError("SHUTTING_DOWN", "the broker is stopping");
    const bytes = encodeCommand({ controllerEpoch, command });
    checkCommand(bytes);
    return this.#writer.submit(bytes);
  }

  #apply(entry: LogEntry): Outcome[] {
    const outcomes = this.applied.apply(entry);
    this.#snapshotter.applied(entry.payload.byteLength);
    if (this.isController) this.#snapshotter.consider();
    return outcomes;
  }
}
