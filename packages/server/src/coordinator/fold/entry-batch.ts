import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { RecordBatchBuilder } from "@tidemq/protocol/record-batch-builder.ts";
import type { Steps } from "../../quota/turn-share.ts";
import { SCRATCH_BYTES, SCRATCH_BYTES_MAX } from "../limits.ts";
import type { Entry } from "./entries.ts";
import { writeEntry, writeEntryInSteps } from "./entry-codec.ts";

/** The entries of one input, and their batch, which is the caller's. */
export type EncodedEntries = Readonly<{ entries: readonly Entry[]; batch: Uint8Array }>;

/** About what a record has beside its value. */
const RECORD_BYTES = 16;

/** Used again and again: memory that was never touched costs more than what is written to it. */
let scratch = new ByteWriter(SCRATCH_BYTES);

/** The entries of one input as a batch in memory of its own: magic 2, not compressed, offsets from 0. */
export function encodeEntries(entries: readonly Entry[], wallMs: number): Uint8Array {
  scratch.reset();
  const ends = entries.map((entry) => {
    writeEntry(scratch, entry);
    return scratch.mark;
  });
  const all = scratch.finish();
  const builder = gathered(all, ends, wallMs);
  if (all.byteLength > SCRATCH_BYTES_MAX) scratch = new ByteWriter(SCRATCH_BYTES);
  return builder.build();
}

/** The same in steps. */
export function* encodeInSteps(entries: readonly Entry[], wallMs: number): Steps<EncodedEntries> {
  const writer = new ByteWriter(SCRATCH_BYTES);
  const ends: number[] = [];
  for (const entry of entries) {
    yield* writeEntryInSteps(writer, entry);
    ends.push(writer.mark);
    yield "more";
  }
  const builder = gathered(writer.finish(), ends, wallMs);
  yield "more";
  return { entries, batch: builder.build() };
}

function gathered(all: Uint8Array, ends: readonly number[], wallMs: number): RecordBatchBuilder {
  const builder = new RecordBatchBuilder(all.byteLength + ends.length * RECORD_BYTES);
  for (let at = 0; at < ends.length; at += 1) builder.append({ timestampMs: wallMs, value: all.subarray(ends[at - 1] ?? 0, ends[at]) });
  return builder;
}
