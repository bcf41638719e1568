import { ReadMemory } from "../model/read-memory.ts";
import { ColdReader } from "./cold-reader.ts";
import { ControlEntries } from "./control-entries.ts";
import { GroupDirectories } from "./group-directories.ts";
import type { IndexBudget } from "./header-index.ts";
import { HotReader } from "./hot-reader.ts";
import { READ_MEMORY_KEPT_BYTES_MAX } from "./limits.ts";
import { LogReads } from "./log-reads.ts";
import { type LiveBytes, WalPartitionLog } from "./partition-log.ts";
import { Slabs } from "./slabs.ts";
import type { WalFiles } from "./wal-files.ts";
import { baseChunkBytesMax, type WalOptions, type WalParts } from "./wal-options.ts";
import type { WalPartition } from "./wal-partition.ts";
import { WalWriter } from "./wal-writer.ts";

/** The parts of one open log, and what they share. */
export class LogParts {
  readonly options: WalOptions;
  readonly parts: WalParts;
  readonly files: WalFiles;
  readonly slabs: Slabs;
  readonly writer: WalWriter;
  readonly reads: LogReads;
  readonly cold: ColdReader;
  readonly controls = new ControlEntries();
  readonly index: IndexBudget = { bytes: 0 };
  readonly live: LiveBytes = { total: 0, uploadedAt: 0 };
  readonly partitions = new Map<number, WalPartition>();
  /** During a start: bases as they were found, by partition. */
  readonly recoveredBases = new Map<number, Uint8Array>();
  readonly partitionLog: WalPartitionLog;
  /** Told when a file was taken or an upload committed; set by the owner. */
  spaceChanged: () => void = () => {};

  constructor(options: WalOptions, parts: WalParts, files: WalFiles) {
    this.options = options;
    this.parts = parts;
    this.files = files;
    this.slabs = new Slabs(options.slabBytes, options.slabBudgetBytes);
    const changed = (): void => this.spaceChanged();
    this.writer = new WalWriter(options, parts, files, this.slabs, changed);
    const memory = new ReadMemory(READ_MEMORY_KEPT_BYTES_MAX);
    this.reads = new LogReads(parts.clock, parts.log);
    this.cold = new ColdReader(files, new GroupDirectories(files, this.reads), memory, parts.log, this.reads);
    const hot = new HotReader(this.slabs, memory);
    const { writer, cold, controls, live } = this;
    const damaged = (p: WalPartition): void => parts.damaged(p);
    this.partitionLog = new WalPartitionLog(writer, hot, cold, controls, live, baseChunkBytesMax(options), changed, damaged);
  }
}
