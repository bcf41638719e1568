import { Buffer } from "node:buffer";
import { QueueError } from "../base/errors.ts";
import type { ClusterState, TopicState } from "../cluster/cluster-state.ts";
import {
  type Answers,
  type BrokerIdentity,
  type BrokerLife,
  type ChangeInSync,
  type Command,
  type ConfigChange,
  isRefusal,
  type Outcome,
  type RangeVerdict,
  type SetClientMetrics,
} from "../cluster/commands.ts";
import { type Random, textId, uuid4 } from "../io/random.ts";
import type { ObjectId } from "../model/object-id.ts";
import { assertRange, type ManifestPointer, type ObjectRange } from "../model/object-range.ts";
import type { AppliedListener, AppliedState } from "./applied-state.ts";
import type { Commands } from "./commands.ts";
import { INTERNAL_REPLICATION_FACTOR, REPLANS_MAX } from "./limits.ts";
import { Placement } from "./placement.ts";
import {
  brokerTable,
  CLIENT_METRICS_TABLE,
  type OptionTable,
  planConfigChanges,
  planConfigReplacement,
  TOPIC_TABLE,
} from "./plan-configs.ts";
import { factorOnHosts, planPreferredElection, planReassignment } from "./plan-replicas.ts";
import { type PlanParts, planCreatePartitions, planCreateTopic, planInternalTopic, refusalError } from "./plan-topics.ts";
import type {
  ConfigEntry,
  ConfigOperation,
  CreatePartitionsRequest,
  CreatePartitionsResult,
  CreateTopicRequest,
  CreateTopicResult,
  DeleteTopicResult,
  TopicReference,
} from "./requests.ts";

export type ControllerOptions = Readonly<{
  defaultPartitions: number;
  /** Where there are as many hosts. */
  defaultReplicationFactor: number;
}>;

/** What a topic is called before it has an id. */
const NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA";

export type ControllerParts = Readonly<{ applied: AppliedState; commands: Commands; random: Random }>;

/**
 * The control plane: plans on the state as this process has applied it, submits the commands, answers after apply. Methods reject
 * with `QueueError`.
 */
export class Controller {
  readonly state: ClusterState;
  readonly #options: ControllerOptions;
  readonly #applied: AppliedState;
  readonly #commands: Commands;
  readonly #random: Random;
  readonly #plan: PlanParts;

  constructor(options: ControllerOptions, { applied, commands, random }: ControllerParts) {
    this.state = applied.state;
    this.#options = options;
    this.#applied = applied;
    this.#commands = commands;
    this.#random = random;
    this.#plan = { state: this.state, placement: new Placement(this.state) };
  }

  /** The result removes the listener. */
  onApplied(listener: AppliedListener): () => void {
    return this.#applied.onApplied(listener);
  }

  /** Resolves with the state machine's answer, a refusal included. The methods below plan, submit and turn refusals into errors. */
  submit<C extends Command>(command: C): Promise<Outcome<C["kind"]>> {
    return this.#commands.submit(command);
  }

  /**
   * A new process of the broker begins, with this write-ahead log. Resolves with its broker epoch, and how many partitions
   * are offline from now on because the log is another one than before, or an older copy of it.
   *
   * `incarnation`: of the process, another one each time when absent; the same again is the same registration.
   */
  registerBroker(
    broker: Omit<BrokerIdentity, "listeners" | "incarnation"> & Partial<Pick<BrokerIdentity, "listeners" | "incarnation">>,
  ): Promise<Readonly<{ brokerEpoch: number; offline: number }>> {
    const { id, listeners = [], incarnation = hex(this.#random.bytes(16)), ...rest } = broker;
    return this.#ask({ kind: "register-broker", broker: id, incarnation, ...rest, listeners });
  }

  /** The broker is ready: fenced no more, and leader, in a new leader epoch, of what nobody leads. Resolves with the number of partitions. */
  async electLeaders(broker: number): Promise<number> {
    const answer = await this.#ask({ kind: "elect-leaders", ...this.#life(broker) });
    return answer.partitions;
  }

  /** Nobody has heard of this process of the broker for a session. Resolves with the number of partitions that it led. */
  async fenceBroker(broker: number, brokerEpoch: number): Promise<number> {
    const answer = await this.#ask({ kind: "fence-broker", broker, brokerEpoch });
    return answer.partitions;
  }

  /**
   * The leader's wish, of the partition as it leads it. Resolves with the in-sync set as it is then. Refused: the set is as it was, look at the
   * state and wish anew; without an answer (REQUEST_TIMED_OUT) either set may count.
   */
  async changeInSync(
    broker: number,
    wish: Pick<ChangeInSync, "partitionId" | "leaderEpoch" | "partitionEpoch"> & Readonly<{ to: readonly BrokerLife[] }>,
  ): Promise<readonly number[]> {
    const answer = await this.#ask({ kind: "change-in-sync", ...wish, ...this.#life(broker) });
    return answer.inSync;
  }

  /** What the broker's log lost of these partitions was durable. Resolves with how many of their in-sync sets it has left. */
  async reportDamage(broker: number, partitionIds: readonly number[]): Promise<number> {
    const answer = await this.#ask({ kind: "report-damage", ...this.#life(broker), partitionIds });
    return answer.partitions;
  }

  /** `leaderEpoch`: the one in which this was decided. Resolves with the epoch in which `leader` leads. */
  async electLeader(partitionId: number, leaderEpoch: number, leader: number): Promise<number> {
    const answer = await this.#ask({ kind: "elect-leader", partitionId, leaderEpoch, leader });
    return answer.leaderEpoch;
  }

  /** The first replica leads again. ELECTION_NOT_NEEDED: it does; PREFERRED_LEADER_NOT_AVAILABLE: it is not in sync, or not ready. */
  async electPreferred(partitionId: number): Promise<void> {
    await this.#replan(false, () => planPreferredElection(this.state, partitionId));
  }

  /** As `reassign`, and nothing is changed. */
  judgeReassignment(partitionId: number, replicas: readonly number[]): void {
    planReassignment(this.state, partitionId, replicas, true);
  }

  /** Begins to exchange the replicas for these, or cancels that. Resolves with the replicas as they are then, those that will go included. */
  async reassign(partitionId: number, replicas: readonly number[] | undefined, mayChangeFactor = true): Promise<readonly number[]> {
    const answer = await this.#ask(planReassignment(this.state, partitionId, replicas, mayChangeFactor));
    return answer.replicas;
  }

  /** One result a request, in order. */
  createTopics(requests: readonly CreateTopicRequest[], validateOnly: boolean): Promise<CreateTopicResult[]> {
    const duplicates = repeated(requests.map((request) => request.name));
    return Promise.all(
      requests.map(async (request): Promise<CreateTopicResult> => {
        const { name } = request;
        try {
          if (duplicates.has(name)) throw new QueueError("INVALID_REQUEST", "Duplicate topic name.");
          return await this.#createTopic(request, validateOnly);
        } catch (error) {
          return { name, error: QueueError.from(error) };
        }
      }),
    );
  }

  /** A topic of our own, once: asked again, or by two at once, it is there. */
  async createInternalTopic(name: string, partitions: number): Promise<void> {
    if (this.state.internalTopics.has(name)) return;
    const factor = factorOnHosts(this.state, INTERNAL_REPLICATION_FACTOR);
    const command = planInternalTopic(this.#plan, name, partitions, factor, this.#newTopicId());
    const outcome = await this.submit(command);
    if (isRefusal(outcome) && outcome.refused !== "TOPIC_EXISTS") throw refusalError(outcome);
  }

  deleteTopics(topics: readonly TopicReference[]): Promise<DeleteTopicResult[]> {
    return Promise.all(
      topics.map(async (reference): Promise<DeleteTopicResult> => {
        const topic = this.#find(reference);
        const found = { name: topic?.name ?? reference.name, topicId: topic?.id ?? reference.topicId };
        try {
          if (topic === undefined) throw unknownTopic(reference);
          await this.#ask({ kind: "delete-topic", topicId: topic.id });
          return { ...found, error: undefined };
        } catch (error) {
          return { ...found, error: QueueError.from(error) };
        }
      }),
    );
  }

  createPartitions(requests: readonly CreatePartitionsRequest[], validateOnly: boolean): Promise<CreatePartitionsResult[]> {
    const duplicates = repeated(requests.map((request) => request.name));
    return Promise.all(
      requests.map(async (request): Promise<CreatePartitionsResult> => {
        const { name } = request;
        try {
          if (duplicates.has(name)) throw new QueueError("INVALID_REQUEST", "Duplicate topic name.");
          await this.#replan(validateOnly, () => planCreatePartitions(this.#plan, this.#topic(name), request));
          return { name, error: undefined };
        } catch (error) {
          return { name, error: QueueError.from(error) };
        }
      }),
    );
  }

  /** All operations or none. */
  async alterTopicConfigs(name: string, operations: readonly ConfigOperation[], validateOnly: boolean): Promise<void> {
    await this.#replan(validateOnly, () => {
      const topic = this.#topic(name);
      const changes = planConfigChanges(TOPIC_TABLE, topic.configs, operations);
      return { kind: "set-topic-configs", topicId: topic.id, versionBefore: topic.configVersion, changes };
    });
  }

  /** These options and no others. */
  async replaceTopicConfigs(name: string, entries: readonly ConfigEntry[], validateOnly: boolean): Promise<void> {
    await this.#replan(validateOnly, () => {
      const topic = this.#topic(name);
      const changes = planConfigReplacement(TOPIC_TABLE, topic.configs, entries);
      return { kind: "set-topic-configs", topicId: topic.id, versionBefore: topic.configVersion, changes };
    });
  }

  /** Of one broker, or of `ALL_BROKERS`. All operations or none. @param problem Why the broker could not run with the result. */
  async alterBrokerConfigs(
    broker: number,
    operations: readonly ConfigOperation[],
    problem: OptionTable["problem"],
    validateOnly: boolean,
  ): Promise<void> {
    await this.#replan(validateOnly, () => {
      const { configs, configVersion } = this.state.brokerConfigsOf(broker);
      const changes = planConfigChanges(brokerTable(problem), configs, operations);
      return { kind: "set-broker-configs", broker, versionBefore: configVersion, changes };
    });
  }

  /** These options and no others. */
  async replaceBrokerConfigs(
    broker: number,
    entries: readonly ConfigEntry[],
    problem: OptionTable["problem"],
    validateOnly: boolean,
  ): Promise<void> {
    await this.#replan(validateOnly, () => {
      const { configs, configVersion } = this.state.brokerConfigsOf(broker);
      const changes = planConfigReplacement(brokerTable(problem), configs, entries);
      return { kind: "set-broker-configs", broker, versionBefore: configVersion, changes };
    });
  }

  /** Of a subscription to metrics of clients, which is made or removed by it. All operations or none. */
  async alterClientMetrics(name: string, operations: readonly ConfigOperation[], validateOnly: boolean): Promise<void> {
    await this.#replan(validateOnly, () => {
      const { configs, configVersion } = this.state.clientMetricsOf(name);
      return this.#setClientMetrics(name, configVersion, planConfigChanges(CLIENT_METRICS_TABLE, configs, operations));
    });
  }

  /** These options and no others. */
  async replaceClientMetrics(name: string, entries: readonly ConfigEntry[], validateOnly: boolean): Promise<void> {
    await this.#replan(validateOnly, () => {
      const { configs, configVersion } = this.state.clientMetricsOf(name);
      return this.#setClientMetrics(name, configVersion, planConfigReplacement(CLIENT_METRICS_TABLE, configs, entries));
    });
  }

  /** A block of producer ids for this broker: [first, first + count). */
  allocateProducerIds(broker: number, count: number): Promise<Readonly<{ first: number; count: number }>> {
    return this.#ask({ kind: "allocate-producer-ids", ...this.#life(broker), count });
  }

  /** One verdict a range, in order. The ranges are of the broker's present epoch. */
  async commitObject(broker: number, ranges: readonly ObjectRange[]): Promise<readonly RangeVerdict[]> {
    for (const range of ranges) assertRange(range);
    const answer = await this.#ask({ kind: "commit-object", ...this.#life(broker), ranges });
    return answer.verdicts;
  }

  /** Refused: plan anew from the partition as it is now. Asked again, the answer is the same. */
  async commitManifest(
    broker: number,
    request: Readonly<{ manifest: ManifestPointer; previous: ObjectId | undefined; leaderEpoch: number }>,
  ): Promise<"accepted" | "refused"> {
    const { manifest, previous, leaderEpoch } = request;
    const outcome = await this.submit({ kind: "commit-manifest", ...this.#life(broker), leaderEpoch, previous, pointer: manifest });
    if (!isRefusal(outcome)) return "accepted";
    if (outcome.refused === "stale-controller") throw refusalError(outcome);
    return "refused";
  }

  /** `batchOffset`: first offset of the batch that holds `logStart`, where logStart is above uploadedEnd. */
  raiseLogStart(
    partitionId: number,
    leaderEpoch: number,
    logStart: number,
    batchOffset: number,
  ): Promise<Readonly<{ logStart: number; uploadedEnd: number }>> {
    return this.#ask({ kind: "raise-log-start", partitionId, leaderEpoch, logStart, batchOffset });
  }

  /** From now on no object of `broker` below (brokerEpoch, sequence) enters the index. */
  async raiseCommitBound(broker: number, brokerEpoch: number, sequence: number): Promise<void> {
    await this.#ask({ kind: "raise-commit-bound", broker, brokerEpoch, sequence });
  }

  /** A person accepts that [from, to) of a partition is lost. */
  async acceptLoss(partitionId: number, from: number, to: number): Promise<void> {
    if (!(from >= 0 && from < to)) throw new QueueError("INVALID_REQUEST", `no such span of offsets. from=${from} to=${to}`);
    await this.#ask({ kind: "accept-loss", partitionId, from, to });
  }

  /**
   * A person accepts that what the lost logs of an offline partition held is gone: the broker leads it from uploadedEnd on.
   * Resolves with that offset.
   */
  async acceptLogLoss(partitionId: number, broker: number): Promise<number> {
    const answer = await this.#ask({ kind: "accept-log-loss", partitionId, ...this.#life(broker) });
    return answer.uploadedEnd;
  }

  /** Refuses what comes from now on and ends what is under way. */
  close(): Promise<void> {
    return this.#commands.close();
  }

  async #createTopic(request: CreateTopicRequest, validateOnly: boolean): Promise<CreateTopicResult> {
    const { defaultPartitions, defaultReplicationFactor } = this.#options;
    const defaults = { partitions: defaultPartitions, replicationFactor: factorOnHosts(this.state, defaultReplicationFactor) };
    const topicId = validateOnly ? NO_TOPIC_ID : this.#newTopicId();
    const command = planCreateTopic(this.#plan, request, defaults, topicId);
    if (validateOnly) this.#plan.placement.forget();
    else await this.#ask(command);
    const { name, configs, assignments } = command;
    return { name, error: undefined, topicId, partitions: assignments.length, replicationFactor: assignments[0]?.length ?? 0, configs };
  }

  #newTopicId(): string {
    return textId(() => uuid4(this.#random));
  }

  /** Plans on the state as it is, and again when somebody else's change came first. */
  async #replan(validateOnly: boolean, plan: () => Command): Promise<void> {
    for (let attempt = 0; attempt < REPLANS_MAX; attempt += 1) {
      const command = plan();
      if (validateOnly) return this.#plan.placement.forget();
      const outcome = await this.submit(command);
      if (!isRefusal(outcome)) return;
      if (outcome.refused !== "changed") throw refusalError(outcome);
    }
    throw new QueueError("REQUEST_TIMED_OUT", "others change the same all the time; nothing was changed");
  }

  #setClientMetrics(name: string, versionBefore: number, changes: readonly ConfigChange[]): SetClientMetrics {
    if (name === "") throw new QueueError("INVALID_REQUEST", "Subscription name can't be empty");
    return { kind: "set-client-metrics", name, versionBefore, changes };
  }

  async #ask<C extends Command>(command: C): Promise<Answers[C["kind"]]> {
    const outcome: Outcome = await this.submit(command);
    if (isRefusal(outcome)) throw refusalError(outcome);
    return outcome as Answers[C["kind"]];
  }

  #life(broker: number): Readonly<{ broker: number; brokerEpoch: number }> {
    return { broker, brokerEpoch: this.state.brokers.get(broker)?.epoch ?? 0 };
  }

  #topic(name: string): TopicState {
    const topic = this.state.topic(name);
    if (topic === undefined) throw unknownTopic({ name, topicId: undefined });
    return topic;
  }

  #find({ name, topicId }: TopicReference): TopicState | undefined {
    return name !== undefined ? this.state.topic(name) : this.state.topicById(topicId ?? "");
  }
}

function unknownTopic({ name }: TopicReference): QueueError {
  return name !== undefined
    ? new QueueError("UNKNOWN_TOPIC_OR_PARTITION", "This server does not host this topic-partition.")
    : new QueueError("UNKNOWN_TOPIC_ID", "This server does not host this topic ID.");
}

function repeated(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => seen.size === seen.add(name).size));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
