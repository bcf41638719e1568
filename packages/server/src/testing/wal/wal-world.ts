import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { batchBytes, endOffset } from "@tidemq/protocol/record-batch.ts";
import { assert } from "../../base/assert.ts";
import type { RecordSlices } from "../../model/record-slices.ts";
import type { RecoveryReport } from "../../wal/wal.ts";
import { type RecoveredPartition, Wal, type WalOptions, type WalPartition } from "../../wal/wal.ts";
import { SimDisk, type SimDiskFaults } from "../sim-io/disk.ts";
import type { SimProcess } from "../sim-io/process.ts";
import { SimWorld } from "../sim-io/sim-world.ts";
import { producedBatch, storedBatch } from "./batches.ts";
import { type ModelBatch, PartitionModel } from "./partition-model.ts";
import { Silence } from "./silence.ts";

export const SMALL_WAL: WalOptions = {
  folder: "wal",
  fileBytes: 512 * 1024,
  capacityBytes: 8 * 512 * 1024,
  sync: true,
  flushIntervalMs: 50,
  slabBytes: 64 * 1024,
  slabBudgetBytes: 1024 * 1024,
  indexBytesMax: 1024 * 1024,
};

/** A log on a simulated disk, its model, and the metadata that outlives crashes (uploaded ends). */
export class WalWorld {
  readonly world: SimWorld;
  readonly disk: SimDisk;
  readonly models = new Map<number, PartitionModel>();
  readonly log = new Silence();
  options: WalOptions;
  process: SimProcess;
  wal: Wal | undefined;
  recovered: readonly RecoveredPartition[] = [];
  report: RecoveryReport | undefined;
  newestMetadataIndex = 0;
  fatal: Error | undefined;
  durableCalls = 0;
  groupsDone = 0;
  #starts = 0;

  constructor(seed: number, options: Partial<WalOptions> = {}, faults: Partial<SimDiskFaults> = {}) {
    this.world = new SimWorld(seed);
    this.options = { ...SMALL_WAL, ...options };
    this.disk = new SimDisk(this.world, "disk", faults);
    this.process = this.world.startProcess("broker");
  }

  get open(): Wal {
    assert(this.wal !== undefined, "the log is open");
    return this.wal;
  }

  /** Starts the process and opens the log; what it holds must be a state that the model allows. */
  async start(): Promise<void> {
    await this.world.settle(this.opening());
    await this.checkRecovered();
  }

  /** Begins a start: the world has to run for it to go on. */
  async opening(): Promise<void> {
    if (this.#starts > 0) this.process = this.world.startProcess("broker");
    this.#starts += 1;
    this.wal = undefined;
    const { clock, random } = this.process;
    const opened = await Wal.open(
      this.options,
      {
        disk: this.disk.mount(this.process),
        clock,
        random,
        log: this.log,
        fatal: (error) => {
          this.fatal = error;
          this.process.crash();
        },
        hasBase: () => true,
        baseOf: (partition) => this.model(partition.id).foldAt(partition.uploadedEnd),
        durable: (partition) => {
          this.durableCalls += 1;
          this.models.get(partition.id)?.durable(partition.durableEnd);
        },
        groupDone: () => {
          this.groupsDone += 1;
        },
        damaged: () => undefined,
      },
      (id) => {
        const model = this.models.get(id);
        return model === undefined ? undefined : { uploadedEnd: model.uploadedEnd, logStart: 0 };
      },
      this.models.keys(),
    );
    this.wal = opened.wal;
    this.recovered = opened.recovered;
    this.report = opened.report;
    this.newestMetadataIndex = opened.newestMetadataIndex;
  }

  model(id: number): PartitionModel {
    const model = this.models.get(id);
    assert(model !== undefined, `partition ${id} is modelled`);
    return model;
  }

  partition(id: number): WalPartition {
    const partition = this.open.partition(id);
    assert(partition !== undefined, `partition ${id} is hosted`);
    return partition;
  }

  host(id: number): WalPartition {
    this.models.set(id, new PartitionModel(id));
    return this.open.host(id, { logEnd: 0, uploadedEnd: 0 });
  }

  forget(id: number): void {
    this.models.delete(id); // the metadata log says so first
    this.open.forget(id);
  }

  /** Appends when the log admits it. */
  append(id: number, bytes: number, count: number): boolean {
    const partition = this.partition(id);
    const model = this.model(id);
    if (this.open.admit(partition, bytes) < 0) return false;
    const base = model.logEnd;
    const batch = producedBatch(bytes, count, this.world.random.between(0, 1_000_000));
    const stored = storedBatch(batch, base, model.leaderEpoch);
    partition.append(batch, 0, batch.byteLength, base, model.leaderEpoch, Math.floor(this.world.nowMs));
    model.append({ base, end: base + count, stored });
    assert(partition.logEnd === model.logEnd, "log and model end alike");
    return true;
  }

  truncate(id: number, offset: number): void {
    this.model(id).truncate(offset);
    this.model(id).leaderEpoch += 1;
    this.partition(id).truncate(offset, this.model(id).leaderEpoch);
  }

  upload(id: number, offset: number): void {
    this.model(id).uploadedEnd = offset;
    this.partition(id).setUploadedEnd(offset);
  }

  crash(): void {
    this.process.crash();
    this.wal = undefined;
  }

  losePower(): void {
    this.process.crash();
    this.disk.losePower();
    this.wal = undefined;
    if (!this.options.sync) for (const model of this.models.values()) model.forgetDurable();
  }

  run(ms: number): Promise<void> {
    return this.world.run(this.world.nowMs + ms);
  }

  /** Every hosted partition: contents, base and tail are what the model allows. */
  async checkRecovered(): Promise<void> {
    for (const one of this.recovered) await this.world.settle(this.#checkPartition(one));
    assert(this.recovered.length === this.models.size, "every hosted partition is recovered");
  }

  async #checkPartition(one: RecoveredPartition): Promise<void> {
    const { partition } = one;
    const model = this.model(partition.id);
    const { firstOffset, logEnd, uploadedEnd } = partition;
    const found = await this.readAll(partition.id, firstOffset, logEnd);
    if (one.holes.length > 0) throw new Error(`partition ${partition.id} has holes ${JSON.stringify(one.holes)}`);
    if (!one.behind) {
      model.settle(found, firstOffset, logEnd);
      assert(
        firstOffset <= uploadedEnd || firstOffset === logEnd,
        `partition ${partition.id}: [${uploadedEnd}, ${firstOffset}) is not here`,
      );
      await this.#checkFold(one, model);
    }
    assert(one.mark >= uploadedEnd && one.mark <= logEnd, "the mark lies between the ends");
  }

  /** Base and replayed headers make the same fold as all batches from the beginning. */
  async #checkFold(one: RecoveredPartition, model: PartitionModel): Promise<void> {
    let crc = one.base === undefined ? 0 : Buffer.from(one.base.bytes).readUInt32BE(0);
    let count = one.base === undefined ? 0 : Buffer.from(one.base.bytes).readUInt32BE(4);
    await one.replay((header) => {
      crc = crc32c(header, crc);
      count += 1;
    });
    const expected = model.foldAt(model.logEnd);
    const isSame = expected.readUInt32BE(0) === crc && expected.readUInt32BE(4) === count;
    if (one.foldIncomplete || !isSame) {
      const what = `base ${one.base?.offset} and tail make no fold: incomplete=${one.foldIncomplete}`;
      const headers = `headers=${count}/${expected.readUInt32BE(4)}`;
      throw new Error(`partition ${model.id}: ${what} first=${one.partition.firstOffset} end=${model.logEnd} ${headers}`);
    }
  }

  /** All batches of [from, to), through reads of random size. */
  async readAll(id: number, from: number, to: number): Promise<ModelBatch[]> {
    const partition = this.partition(id);
    const batches: ModelBatch[] = [];
    for (let offset = from; offset < to; ) {
      const slices = await partition.read(offset, to, this.world.random.between(1, 200_000), true);
      assert(slices.bytes > 0, `partition ${id}: nothing at ${offset} of [${from}, ${to})`);
      batches.push(...batchesOf(slices));
      slices.hold?.release();
      offset = slices.nextOffset;
    }
    return batches;
  }
}

/** The batches of one read, copied. */
export function batchesOf(slices: RecordSlices): ModelBatch[] {
  const bytes = Buffer.concat(slices.pieces);
  const batches: ModelBatch[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const length = batchBytes(bytes, at);
    const stored = bytes.subarray(at, at + length);
    batches.push({ base: Number(stored.readBigInt64BE(0)), end: endOffset(bytes, at), stored });
    at += length;
  }
  return batches;
}
