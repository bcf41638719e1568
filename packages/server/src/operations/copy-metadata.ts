import { QueueError } from "../base/errors.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import { SnapshotWriter } from "../cluster/snapshot-writer.ts";
import { stateHash } from "../cluster/state-hash.ts";
import { replay } from "../controller/replay.ts";
import { type Clock, nextTurn } from "../io/clock.ts";
import { MetadataMovedError } from "../metadata-log/moved.ts";
import type { MetadataPlace, MetadataTarget, MovableSource, PreparedCopy } from "./metadata-place.ts";
import { readWholeState, type WholeState } from "./whole-state.ts";

export type CopyOptions = Readonly<{
  /** Changes nothing. */
  dryRun: boolean;
  /** Of a source that was moved before: what that went to is given up. */
  acceptSecondCopy: boolean;
}>;

/** What a copy is doing, in this order. */
export type CopyStep = "reading" | "waiting" | "writing" | "verifying" | "retiring" | "activating" | "reading back";

export type CopyUi = Readonly<{ step(step: CopyStep): void; wrote(bytes: number): void }>;

/** `already`: an earlier copy to the same place had done it. */
export type CopyResult = Readonly<{
  outcome: "copied" | "would copy" | "already";
  clusterId: string;
  index: number;
  bytes: number;
  stateHash: string;
  advice: string | undefined;
}>;

type Whole = Readonly<{ state: ClusterState; hash: string }>;

/**
 * Carries the metadata of a cluster to another place, where its log goes on at the next index:
 *
 *     read → nobody writes → write → read back, same state → retire the source → activate the copy → read as a start does
 *     └────────── the source counts, the copy does not ──────────┘              └ the copy counts, the source does not ┘
 *
 * Between the two nothing counts, and the source says where it was going: the same copy again finishes.
 * @throws {QueueError} START_REFUSED and others; the message says what to do.
 */
export async function copyMetadata(
  source: MovableSource,
  target: MetadataPlace,
  options: CopyOptions,
  { clock, ui }: Readonly<{ clock: Clock; ui: CopyUi }>,
): Promise<CopyResult> {
  ui.step("reading");
  const whole = await readWholeState(source, clock);
  const { state } = whole.replayed;
  const { clusterId } = state;
  const result = { clusterId, index: state.index, bytes: 0, stateHash: whole.hash };
  if (await isDoneAlready(source, target, whole, options)) return { ...result, outcome: "already", advice: undefined };
  if (state.index === 0)
    throw new QueueError("INVALID_REQUEST", `the metadata in ${source.name} has no batch yet: there is nothing to copy`);
  if (whole.found.moved === undefined) {
    ui.step("waiting");
    await source.checkStopped(state.index);
  }
  const advice = await target.advice(clusterId, state.objects.size);
  if (options.dryRun) return { ...result, outcome: "would copy", advice };
  const { copy, bytes } = await write(source, target, state, { clock, ui });
  ui.step("verifying");
  await verify(copy, target.name, { state, hash: whole.hash });
  await handOver(source, target, whole, copy, ui);
  ui.step("reading back");
  const activated = await readWholeState(target, clock);
  if (activated.hash !== whole.hash) throw differs(target.name);
  return { ...result, outcome: "copied", bytes, advice };
}

/** Whether an earlier copy was finished. @throws {QueueError} START_REFUSED: something is in the way. */
async function isDoneAlready(source: MovableSource, target: MetadataTarget, { found }: WholeState, options: CopyOptions): Promise<boolean> {
  const { clusterId, moved } = found;
  const occupant = await target.occupant(clusterId);
  if (moved?.place === target.name && occupant?.clusterId === clusterId) return true;
  if (moved !== undefined && moved.place !== target.name && !options.acceptSecondCopy) throw new MetadataMovedError(moved);
  if (occupant === undefined) return false;
  throw new QueueError(
    "START_REFUSED",
    `${target.name} is not empty: choose an empty place, or move away what is there. there=${occupant.what} from=${source.name}`,
  );
}

async function write(
  source: MovableSource,
  target: MetadataTarget,
  state: ClusterState,
  { clock, ui }: Readonly<{ clock: Clock; ui: CopyUi }>,
): Promise<Readonly<{ copy: PreparedCopy; bytes: number }>> {
  ui.step("writing");
  let bytes = 0;
  const wrote = (length: number): void => {
    bytes += length;
    ui.wrote(bytes);
  };
  const from = { clusterId: state.clusterId, index: state.index, name: source.name };
  const copy = await target.prepare(from, snapshotPieces(state, clock, wrote));
  return { copy, bytes };
}

/** A snapshot of the state. @param wrote Told of each piece. */
export async function* snapshotPieces(state: ClusterState, clock: Clock, wrote: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const writer = new SnapshotWriter(state);
  try {
    for (let piece = writer.next(); piece !== undefined; piece = writer.next()) {
      wrote(piece.byteLength);
      yield piece;
      await nextTurn(clock);
    }
  } finally {
    writer.abandon();
  }
}

async function verify(copy: PreparedCopy, name: string, { state, hash }: Whole): Promise<void> {
  const opened = await copy.open();
  try {
    const { state: copied } = await replay(opened.log, state.clusterId);
    if (copied.index !== state.index || stateHash(copied) !== hash) throw differs(name);
  } finally {
    await opened.close();
  }
}

/** First the source ends, then the copy counts. */
async function handOver(
  source: MovableSource,
  target: MetadataTarget,
  { found, replayed }: WholeState,
  copy: PreparedCopy,
  ui: CopyUi,
): Promise<void> {
  ui.step("retiring");
  const moved = { index: replayed.state.index, place: target.name };
  const undo = found.moved === undefined ? await source.retire(found.clusterId, moved) : undefined;
  ui.step("activating");
  if (await copy.activate()) return;
  // Only now is it certain that the copy never counts, so the source may again.
  await undo?.();
  throw new QueueError(
    "START_REFUSED",
    `${target.name} became another cluster's while the metadata was copied: choose another place` +
      (undo === undefined ? ", with --accept-second-copy" : ""),
  );
}

function differs(name: string): QueueError {
  return new QueueError("CORRUPT_METADATA", `what was written to ${name} reads back as another state: look at its disk, and copy again`);
}
