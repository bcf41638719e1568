import { createHash } from "node:crypto";
import type { HeaderFold } from "../../partition/header-fold.ts";
import { encodeHeaderFold } from "../../partition/header-fold-codec.ts";
import { Partition } from "../../partition/partition.ts";
import type { Broker } from "../../process/broker/broker.ts";
import { check } from "./check-failure.ts";

type Seen = Readonly<{ digest: string; by: number }>;

/** The same batches give the same fold: all replicas of a partition have the same base at the same offset, and the same records' part of it. */
export class EqualFolds {
  /** By partition, offset, log start and part. */
  readonly #first = new Map<string, Seen>();
  /** What was compared of each base last. */
  readonly #compared = new WeakMap<HeaderFold, string>();
  /** How often one replica's base was held against another's. */
  compared = 0;

  /** @throws {CheckFailure} folds */
  look(brokers: readonly Broker[]): void {
    for (const broker of brokers) {
      for (const { owner } of broker.wal.partitions()) if (owner instanceof Partition) this.#lookAt(owner, broker.nodeId);
    }
  }

  #lookAt({ identity, base, logStart, name }: Partition, by: number): void {
    // What was never known, or lost, is on no other replica.
    if (base.incomplete || base.nextOffset === 0 || !base.isKnownFrom(logStart)) return;
    const place = `${identity.id} at ${base.nextOffset}, log start ${logStart}`;
    const stage = `${place}, records to ${base.recordsEnd}`;
    if (this.#compared.get(base) === stage) return;
    this.#compared.set(base, stage);
    const headers = base.copy();
    headers.records = undefined;
    headers.recordsEnd = -1;
    headers.setLogStart(logStart);
    this.#compare(`${place}: producers and epochs`, name, encodeHeaderFold(headers), by);
    if (base.records !== undefined && base.recordsEnd === base.nextOffset) this.#compare(`${place}: records`, name, base.records, by);
  }

  #compare(what: string, name: string, bytes: Uint8Array, by: number): void {
    const digest = createHash("sha256").update(bytes).digest("hex");
    const first = this.#first.get(what);
    if (first === undefined) return void this.#first.set(what, { digest, by });
    if (first.by !== by) this.compared += 1;
    check(first.digest === digest, "folds", () => `${name}: brokers ${first.by} and ${by} have another fold. ${what}`);
  }
}
