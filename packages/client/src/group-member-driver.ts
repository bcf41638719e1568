import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { API } from "./apis.ts";
import { inTime, type Timer } from "./clock.ts";
import type { Cluster } from "./cluster.ts";
import type { Coordinators } from "./coordinators.ts";
import { ClientError } from "./errors.ts";
import type { GroupMemberState } from "./group-member-state.ts";
import { HEARTBEAT_ANSWER_MS_MAX, HEARTBEAT_MS_MIN } from "./limits.ts";
import { pauseMs, retrying } from "./retry.ts";

/** What the consumer is told. */
export type MemberEvents = Readonly<{
  /** What the member may own may have changed. */
  heard: () => void;
  /** Everything that was owned belongs to others now. */
  fenced: () => void;
  /** The member cannot go on. */
  failed: (error: ClientError) => void;
  retried: (error: ClientError) => void;
}>;

/** Keeps a member in its group: one heartbeat after the other, at once when there is news. */
export class GroupMemberDriver {
  readonly #cluster: Cluster;
  readonly #coordinators: Coordinators;
  readonly #state: GroupMemberState;
  readonly #events: MemberEvents;
  #isPoked = false;
  #wake: (() => void) | undefined;
  #timer: Timer | undefined;
  #stopped = false;
  #failures = 0;
  #firstFailureAtMs = 0;

  constructor(cluster: Cluster, coordinators: Coordinators, state: GroupMemberState, events: MemberEvents) {
    this.#cluster = cluster;
    this.#coordinators = coordinators;
    this.#state = state;
    this.#events = events;
  }

  /** Joins, and stays until `stop` or a failure. */
  start(): void {
    this.#run().catch((error: unknown) => this.#events.failed(ClientError.from(error)));
  }

  /** The next heartbeat goes out as soon as the one under way is answered. */
  poke(): void {
    this.#isPoked = true;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#wake?.();
  }

  /** Says farewell, if the member was ever heard of. @throws {ClientError} When nobody heard it within `timeoutMs`. */
  async leave(timeoutMs: number): Promise<void> {
    this.stop();
    const { options } = this.#state;
    const attempt = (): Promise<number> =>
      this.#coordinators.once(options.groupId, API.consumerGroupHeartbeat, this.#state.farewell(), (answer) => answer.errorCode);
    const late = (): ClientError => {
      const text = `group ${options.groupId} was not told that its member has left; it finds out when the session is over`;
      return new ClientError({ kafka: ErrorCode.REQUEST_TIMED_OUT }, text);
    };
    await inTime(this.#cluster.parts.clock, retrying(this.#cluster.retryParts, timeoutMs, attempt), timeoutMs, late);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#isPoked = false;
      const waitMs = await this.#beat();
      if (!this.#isPoked && !this.#stopped) await this.#pause(waitMs);
    }
  }

  /** One heartbeat. @returns How long to wait for the next. */
  async #beat(): Promise<number> {
    const { groupId } = this.#state.options;
    try {
      let intervalMs = 0;
      const timeoutMs = Math.min(this.#cluster.options.requestTimeoutMs, HEARTBEAT_ANSWER_MS_MAX);
      const outcome = await this.#coordinators.once(
        groupId,
        API.consumerGroupHeartbeat,
        () => this.#state.heartbeat(),
        (answer) => {
          if (this.#stopped) return "stopped";
          intervalMs = Math.max(HEARTBEAT_MS_MIN, answer.heartbeatIntervalMs);
          return this.#state.answered(answer);
        },
        { timeoutMs },
      );
      if (outcome === "stopped") return 0;
      if (outcome === "fenced") {
        this.#events.fenced();
        return this.#pauseMs();
      }
      this.#failures = 0;
      this.#events.heard();
      return intervalMs;
    } catch (thrown) {
      return this.#failed(ClientError.from(thrown));
    }
  }

  #failed(error: ClientError): number {
    this.#state.unanswered();
    if (this.#stopped) return 0;
    // The member that had this name before may be dead: its session ends some time.
    const mayPass = error.retriable || error.kafkaCode === ErrorCode.UNRELEASED_INSTANCE_ID;
    const failsSinceMs = this.#failures === 0 ? this.#nowMs : this.#firstFailureAtMs;
    const isLate = this.#nowMs - failsSinceMs > this.#cluster.retryMs;
    if (!mayPass || (isLate && this.#state.epoch === 0)) {
      this.#stopped = true;
      this.#events.failed(explained(error));
      return 0;
    }
    this.#events.retried(error);
    return this.#pauseMs();
  }

  /** One more failure in a row: having been thrown out counts as the first, too. */
  #pauseMs(): number {
    if (this.#failures === 0) this.#firstFailureAtMs = this.#nowMs;
    this.#failures += 1;
    return pauseMs(this.#cluster.options.backOff, this.#failures, this.#cluster.parts.random);
  }

  get #nowMs(): number {
    return this.#cluster.parts.clock.monotonicMs();
  }

  #pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#timer?.cancel();
        this.#wake = undefined;
        resolve();
      };
      this.#wake = done;
      this.#timer = this.#cluster.parts.clock.after(waitMs, done);
    });
  }
}

/** Whoever meets a broker without the new protocol shall know what is missing. */
function explained(error: ClientError): ClientError {
  if (error.code !== "UNSUPPORTED_BY_BROKER" && error.code !== "UNSUPPORTED_VERSION") return error;
  return new ClientError("UNSUPPORTED_BY_BROKER", `the broker does not serve groups of the new protocol (KIP-848): ${error.message}`, {
    cause: error,
    next: "Use a broker that serves it (Kafka 4.0 or newer), or read partitions without a group.",
  });
}
