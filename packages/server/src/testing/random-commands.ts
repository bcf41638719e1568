import fc from "fast-check";
import type { ClusterState, PartitionState } from "../cluster/cluster-state.ts";
import type { Command, ConfigChange, LoggedCommand } from "../cluster/commands.ts";
import type { ObjectId } from "../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";

/** A step that becomes a command when the state is known. `wrong` makes most of them refusable. */
export type CommandStep = Readonly<{ op: number; a: number; b: number; c: number; wrong: boolean }>;

const OPS = 34;

export const commandSteps = (lengthMax: number): fc.Arbitrary<CommandStep[]> =>
  fc.array(
    fc.record({
      op: fc.nat(OPS - 1),
      a: fc.nat(1000),
      b: fc.nat(1000),
      c: fc.nat(1000),
      wrong: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    }),
    { maxLength: lengthMax, minLength: Math.min(lengthMax, 10), size: "max" },
  );

/** The first commands of every history: without a controller and brokers nothing happens. */
export const OPENING: readonly LoggedCommand[] = [
  { controllerEpoch: 1, command: { kind: "claim-controller", holder: "first", controllerEpoch: 1 } },
  ...[1, 2, 3].map((broker) => ({ controllerEpoch: 1, command: registration(0, broker, "at-start", 0) })),
  ...[1, 2, 3].map((broker) => ({ controllerEpoch: 1, command: { kind: "elect-leaders", broker, brokerEpoch: broker } as const })),
  { controllerEpoch: 1, command: creation("opening", "opening.topic", [[1], [2, 1]]) },
];

/** A command that fits the state, or is close to fitting. Deterministic. */
export function commandOf(state: ClusterState, step: CommandStep, sequence: number): LoggedCommand {
  const stale = step.wrong && step.op === 0;
  const controllerEpoch = state.controllerEpoch + (stale ? -1 : 0);
  const command = build(state, step, sequence);
  return { controllerEpoch: command.kind === "claim-controller" ? command.controllerEpoch : controllerEpoch, command };
}

function build(state: ClusterState, step: CommandStep, sequence: number): Command {
  const { op, a, b, c, wrong } = step;
  const broker = 1 + (a % 3);
  const life = { broker, brokerEpoch: (state.brokers.get(broker)?.epoch ?? 0) - (wrong ? 1 : 0) };
  const topicId = wrong ? uuid("nothing") : ([...state.topicsById.keys()][a % Math.max(1, state.topicsById.size)] ?? uuid("none"));
  const partition = [...state.partitions.values()][a % Math.max(1, state.partitions.size)];
  const partitionId = wrong ? 999_999 : (partition?.id ?? 0);
  switch (op) {
    case 0:
      return { kind: "claim-controller", holder: `holder-${a}`, controllerEpoch: state.controllerEpoch + (wrong ? 0 : 1) };
    case 1:
      return registration(state.index, broker, `incarnation-${b % 4}`, c);
    case 2:
      return { kind: "elect-leaders", ...life };
    case 3:
      return creation(
        `topic-${sequence}`,
        `t${".-_"[b % 3]}${c % 6}`,
        Array.from({ length: 1 + (b % 3) }, (_, at) => someBrokers(a + at, b + c)),
      );
    case 4:
      return { kind: "delete-topic", topicId };
    case 5: {
      const partitionsBefore = (state.topicsById.get(topicId)?.partitions.length ?? 0) + (b % 4 === 0 ? 1 : 0);
      return { kind: "create-partitions", topicId, partitionsBefore, assignments: [[broker], [1]] };
    }
    case 6: {
      const versionBefore = (state.topicsById.get(topicId)?.configVersion ?? 0) + (b % 4 === 0 ? 1 : 0);
      return {
        kind: "set-topic-configs",
        topicId,
        versionBefore,
        changes: [topicChange(b, c)],
      };
    }
    case 7: {
      const target = broker === 3 ? -1 : broker;
      const versionBefore = state.brokerConfigs.get(target)?.configVersion ?? 0;
      return { kind: "set-broker-configs", broker: target, versionBefore, changes: [{ name: `option-${b % 5}`, value: `${c}` }] };
    }
    case 14: {
      const name = `metrics-${a % 3}`;
      const versionBefore = wrong ? state.index + 1 : state.clientMetricsOf(name).configVersion;
      return { kind: "set-client-metrics", name, versionBefore, changes: [{ name: `o${b % 2}`, value: c % 3 === 0 ? undefined : `${c}` }] };
    }
    case 8:
      return { kind: "allocate-producer-ids", ...life, count: 1 + b };
    case 9:
      return { kind: "raise-log-start", partitionId, leaderEpoch: partition?.leaderEpoch ?? 0, ...logStart(partition, b, c) };
    case 10:
      return { kind: "raise-commit-bound", broker, brokerEpoch: life.brokerEpoch, sequence: b };
    case 11:
      return { kind: "accept-loss", partitionId, from: b * 10, to: b * 10 + 1 + c };
    case 12:
      return manifest(state, partition, step, sequence);
    case 15:
      return { kind: "fence-broker", ...life };
    case 16:
    case 17:
      return changeInSync(state, partition, step);
    case 18:
      return { kind: "report-damage", ...life, partitionIds: [...state.partitions.keys()].filter((id) => (id + b) % 3 === 0) };
    case 19: {
      const leader = 1 + (b % 3);
      return { kind: "elect-leader", partitionId, leaderEpoch: (partition?.leaderEpoch ?? 0) - (c % 5 === 0 ? 1 : 0), leader };
    }
    case 20:
    case 21:
      return { kind: "reassign-partition", partitionId, replicas: c % 4 === 0 ? undefined : someBrokers(b, c) };
    case 13:
      return { kind: "accept-log-loss", partitionId: offlinePartition(state, a) ?? partitionId, ...life };
    default:
      return commit(state, step, sequence);
  }
}

/** Mostly with the same log as before, sometimes with one of two others, or with an older copy. */
function registration(index: number, broker: number, incarnation: string, chance: number): Command {
  const walIndex = chance % 5 === 2 ? Math.floor(index / 2) : index;
  const walId = `log-${broker}-${chance % 4 === 3 ? 1 + (chance % 3) : 0}`;
  return {
    kind: "register-broker",
    broker,
    incarnation,
    host: `host-${broker}`,
    rack: "r",
    walId,
    walIndex,
    walDamaged: chance % 11 === 0,
    listeners: chance % 7 === 0 ? [] : [{ name: "internal", host: `host-${broker}`, port: 9092 + broker }],
  };
}

/** One to three of the brokers 1, 2 and 3. */
function someBrokers(first: number, count: number): number[] {
  return Array.from({ length: 1 + (count % 3) }, (_, at) => 1 + ((first + at) % 3));
}

function topicChange(b: number, c: number): ConfigChange {
  if (b % 3 === 0) return { name: "min.insync.replicas", value: c % 4 === 0 ? undefined : `${c % 4}` };
  return { name: `option-${b % 5}`, value: c % 3 === 0 ? undefined : `${c}` };
}

/** One member more or less than there are, mostly, in the epochs in which they are registered. */
function changeInSync(state: ClusterState, partition: PartitionState | undefined, { b, c, wrong }: CommandStep): Command {
  const { id = 0, leader = 1, leaderEpoch = 0, inSync = [1], partitionEpoch: newest = 0 } = partition ?? {};
  const other = 1 + (b % 3);
  const members = inSync.includes(other) ? inSync.filter((broker) => broker !== other) : [...inSync, other];
  const epochOf = (broker: number): number => state.brokers.get(broker)?.epoch ?? 0;
  const to = (members.length === 0 ? [other] : members).map((broker) => ({ broker, brokerEpoch: epochOf(broker) - (wrong ? 1 : 0) }));
  const partitionEpoch = newest - (c % 7 === 0 ? 1 : 0);
  const broker = Math.max(1, leader);
  return { kind: "change-in-sync", partitionId: id, leaderEpoch, broker, brokerEpoch: epochOf(broker), partitionEpoch, to };
}

function offlinePartition(state: ClusterState, chance: number): number | undefined {
  const offline = [...state.partitions.values()].filter(({ inSync }) => inSync.length === 0);
  return offline[chance % Math.max(1, offline.length)]?.id;
}

function creation(id: string, name: string, assignments: readonly (readonly number[])[]): Command {
  return { kind: "create-topic", topicId: uuid(id), name, configs: new Map([["retention.ms", "5"]]), assignments };
}

/** 22 characters of base64url that stand for 16 bytes. */
export function uuid(name: string): string {
  return Buffer.from(name.padEnd(16, "x").slice(0, 16)).toString("base64url");
}

function logStart(partition: PartitionState | undefined, b: number, c: number): { logStart: number; batchOffset: number } {
  const end = partition?.uploadedEnd ?? 0;
  if (b % 3 === 0) return { logStart: end + c, batchOffset: end + (b % (c + 2)) };
  return { logStart: Math.max(0, end - c), batchOffset: 0 };
}

function objectId(broker: number, brokerEpoch: number, sequence: number): ObjectId {
  return { broker, brokerEpoch, sequence, random: sequence.toString(16).padStart(16, "0") };
}

/** Ranges of up to four partitions of one leader, holes among them; sometimes one that was committed before. */
function commit(state: ClusterState, { a, b, c, wrong }: CommandStep, sequence: number): Command {
  const all = [...state.partitions.values()];
  const first = all[a % Math.max(1, all.length)];
  const broker = Math.max(1, first?.leader ?? 1);
  const brokerEpoch = state.brokers.get(broker)?.epoch ?? 0;
  const object = objectId(broker, brokerEpoch, b % 7 === 0 ? b : 1000 + sequence);
  const ranges: ObjectRange[] = [];
  for (let step = 0; step < Math.min(all.length, 1 + (b % 4)); step += 1) {
    const partition = all[(a + step) % all.length];
    if (partition === undefined) continue;
    const at = partition.ranges.count - 1;
    if (c % 5 === 0 && at >= 0) ranges.push(partition.ranges.at(at));
    const kind = (["data", "data", "data", "hole", "gap"] as const)[(c + step) % 5] ?? "data";
    ranges.push(rangeOf(partition, kind, object, partition.uploadedEnd + (wrong ? 1 : 0), 1 + ((b + step) % 50), step));
  }
  return { kind: "commit-object", broker, brokerEpoch, ranges };
}

function rangeOf(
  partition: PartitionState,
  kind: ObjectRange["kind"],
  object: ObjectId,
  start: number,
  length: number,
  at: number,
): ObjectRange {
  const common = {
    partitionId: partition.id,
    startOffset: start,
    endOffset: start + length,
    leaderEpoch: partition.leaderEpoch,
    maxTimestampMs: start,
    kind,
  };
  if (kind !== "data") return { ...common, object: undefined, objectBytes: 0, position: 0, dataBytes: 0, indexBytes: 0, indexCrc: 0 };
  return { ...common, object, objectBytes: 10_000, position: at * 100, dataBytes: 80, indexBytes: 20, indexCrc: start };
}

function manifest(state: ClusterState, partition: PartitionState | undefined, { a, b, wrong }: CommandStep, sequence: number): Command {
  const broker = Math.max(1, partition?.leader ?? 1);
  const brokerEpoch = state.brokers.get(broker)?.epoch ?? 0;
  const ranges = partition?.ranges;
  const merged = ranges === undefined || ranges.count === 0 ? 0 : b % ranges.count;
  const startOffset = partition?.manifest?.startOffset ?? (ranges !== undefined && ranges.count > 0 ? ranges.startOffset(0) : 0);
  const endOffset = ranges !== undefined && ranges.count > 0 ? ranges.endOffset(merged) : startOffset + 1;
  const pointer: ManifestPointer = {
    partitionId: partition?.id ?? 0,
    startOffset,
    endOffset,
    maxTimestampMs: a,
    object: objectId(broker, brokerEpoch, 1000 + sequence),
    objectBytes: 100,
    objectCrc: 7,
    rangeCount: merged + 1,
    dataBytes: 10,
  };
  const previous = wrong ? objectId(9, 9, 9) : partition?.manifest?.object;
  return { kind: "commit-manifest", broker, brokerEpoch, leaderEpoch: partition?.leaderEpoch ?? 0, previous, pointer };
}
