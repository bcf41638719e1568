import { must } from "../base/assert.ts";
import { applyBatch } from "../cluster/apply.ts";
import { ClusterState, type PartitionState } from "../cluster/cluster-state.ts";
import { type Answers, type Command, isRefusal, type Refusal } from "../cluster/commands.ts";
import type { Effect } from "../cluster/effects.ts";
import type { ObjectId } from "../model/object-id.ts";
import type { ObjectRange } from "../model/object-range.ts";
import { uuid } from "./random-commands.ts";

/** A cluster with a controller, brokers 1 and 2, and the topic `orders` of two partitions (1, led by broker 1; 2, by 2). */
export class ClusterFixture {
  readonly state = new ClusterState("test-cluster");
  effects: Effect[] = [];
  controllerEpoch = 1;
  /** Newest metadata index that each write-ahead log names. */
  readonly logs = new Map<string, number>();

  constructor() {
    this.answer({ kind: "claim-controller", holder: "me", controllerEpoch: 1 });
    for (const broker of [1, 2]) this.#add(broker);
    this.createTopic("orders", [[1], [2]]);
    this.effects = [];
  }

  /** Applies it as the next batch. */
  submit<C extends Command>(command: C): Answers[C["kind"]] | Refusal {
    const [outcome] = applyBatch(this.state, this.state.index + 1, [{ controllerEpoch: this.controllerEpoch, command }], this.effects);
    return must(outcome, "outcome") as Answers[C["kind"]] | Refusal;
  }

  answer<C extends Command>(command: C): Answers[C["kind"]] {
    const outcome = this.submit(command);
    if (isRefusal(outcome)) throw new Error(`${command.kind} was refused: ${JSON.stringify(outcome)}`);
    return outcome;
  }

  /** The code of a refusal. */
  refusal(command: Command): string {
    const outcome = this.submit(command);
    if (!isRefusal(outcome)) throw new Error(`${command.kind} was not refused`);
    return outcome.refused;
  }

  createTopic(name: string, assignments: readonly (readonly number[])[]): Answers["create-topic"] {
    return this.answer({ kind: "create-topic", topicId: uuid(name), name, configs: new Map(), assignments });
  }

  partition(id: number): PartitionState {
    return must(this.state.partitions.get(id), `partition ${id}`);
  }

  brokerEpoch(broker: number): number {
    return must(this.state.brokers.get(broker), "broker").epoch;
  }

  objectId(broker: number, sequence: number): ObjectId {
    return { broker, brokerEpoch: this.brokerEpoch(broker), sequence, random: sequence.toString(16).padStart(16, "0") };
  }

  /** A data range of the partition's present leader. */
  range(partitionId: number, startOffset: number, endOffset: number, sequence: number): ObjectRange {
    const { leader, leaderEpoch } = this.partition(partitionId);
    const place = { object: this.objectId(leader, sequence), objectBytes: 1000, position: 0, dataBytes: 900, indexBytes: 100, indexCrc: 5 };
    return { partitionId, startOffset, endOffset, leaderEpoch, maxTimestampMs: 1, kind: "data", ...place };
  }

  without(range: ObjectRange, kind: "hole" | "gap"): ObjectRange {
    return { ...range, kind, object: undefined, objectBytes: 0, position: 0, dataBytes: 0, indexBytes: 0, indexCrc: 0 };
  }

  /** Commits as the leader of the first range. Gives `ok` or the refusal for each. */
  commit(...ranges: readonly ObjectRange[]): string[] {
    const broker = ranges[0]?.object?.broker ?? this.partition(ranges[0]?.partitionId ?? 0).leader;
    return this.commitAs(broker, ranges);
  }

  commitAs(broker: number, ranges: readonly ObjectRange[]): string[] {
    const answer = this.answer({ kind: "commit-object", broker, brokerEpoch: this.brokerEpoch(broker), ranges });
    return answer.verdicts.map((verdict) => verdict.refusal ?? "ok");
  }

  /** @param walId Of the log that the broker comes with; it names the registration's index then. */
  register(broker: number, incarnation: string, walId = `log-${broker}`, walDamaged = false): Answers["register-broker"] {
    const walIndex = this.logs.get(walId) ?? 0;
    const life = { broker, incarnation, host: `h${broker}`, rack: "" };
    const answer = this.answer({ kind: "register-broker", ...life, walId, walIndex, walDamaged, listeners: [] });
    this.logs.set(walId, this.state.index);
    return answer;
  }

  /** A new process of the broker, which takes over what it may. */
  restart(broker: number, incarnation: string, walId?: string): void {
    this.register(broker, incarnation, walId);
    this.answer({ kind: "elect-leaders", broker, brokerEpoch: this.brokerEpoch(broker) });
  }

  /** A broker that is ready, in one batch. */
  #add(broker: number): void {
    const { controllerEpoch, state } = this;
    const brokerEpoch = state.brokerEpochLast + 1;
    const log = { walId: `log-${broker}`, walIndex: 0, walDamaged: false };
    const commands: Command[] = [
      { kind: "register-broker", broker, incarnation: "a", host: `h${broker}`, rack: "", ...log, listeners: [] },
      { kind: "elect-leaders", broker, brokerEpoch },
    ];
    applyBatch(
      state,
      state.index + 1,
      commands.map((command) => ({ controllerEpoch, command })),
      this.effects,
    );
    this.logs.set(log.walId, state.index);
  }
}
