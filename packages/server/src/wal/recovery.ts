import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { BaseReader } from "./base-reader.ts";
import type { FileScan } from "./file-scan.ts";
import { EntryKind, NO_PARTITION } from "./group-codec.ts";
import { BLOCK_BYTES } from "./limits.ts";
import type { LogParts } from "./log-parts.ts";
import { LogReplay } from "./log-replay.ts";
import { PartitionReplay, type ReplayOutcome } from "./partition-replay.ts";
import type { RecoveredPartition, RecoveryReport } from "./recovered.ts";
import { type Cut, cutLog, OFFSETS_LOST_MAX, offsetsTaken } from "./recovery-cut.ts";
import { RecoveryDirectories } from "./recovery-directories.ts";
import { type FoundFile, positionIn, type Survey, surveyLog } from "./recovery-survey.ts";
import { rescueGroups } from "./rescue.ts";
import { packFiles } from "./start-packing.ts";
import type { WalFile } from "./wal-file.ts";
import { type Hosted, WalOpenError } from "./wal-options.ts";
import { type HeaderVisitor, WalPartition } from "./wal-partition.ts";

export type Recovery = Readonly<{
  recovered: readonly RecoveredPartition[];
  newestMetadataIndex: number;
  report: RecoveryReport;
  /** Groups are lost and their file is still there: partitions that come later have to say that they do. */
  isDamaged: boolean;
  /** Partitions with entries in the log that are not hosted here (any more). */
  remnants: ReadonlySet<number>;
}>;

/**
 * One start: reads what is there, begins a new run with what counts, and writes its start entry. Until that is synced the
 * disk says what it said before, so a start may end at any point.
 */
export async function recoverLog(
  log: LogParts,
  found: readonly FoundFile[],
  hosted: Hosted,
  hostedIds: Iterable<number>,
): Promise<Recovery> {
  return new Recoverer(log, hosted, hostedIds).run(found);
}

class Recoverer {
  readonly #log: LogParts;
  readonly #hosted: Hosted;
  readonly #hostedIds: Iterable<number>;
  readonly #directories: RecoveryDirectories;
  readonly #bases: BaseReader;
  /** By partition id; undefined: not hosted here. */
  readonly #replays = new Map<number, PartitionReplay | undefined>();
  readonly #damage: string[] = [];

  constructor(log: LogParts, hosted: Hosted, hostedIds: Iterable<number>) {
    this.#log = log;
    this.#hosted = hosted;
    this.#hostedIds = hostedIds;
    this.#directories = new RecoveryDirectories(log.files);
    this.#bases = new BaseReader(log.files);
  }

  async run(found: readonly FoundFile[]): Promise<Recovery> {
    const { files, parts } = this.#log;
    const startMs = parts.clock.monotonicMs();
    const keep = this.#directories.keep.bind(this.#directories);
    const survey = await surveyLog(files, found, (_file, incarnation, position, directory) => keep(incarnation, position, directory));
    const cut = await cutLog(survey, files);
    await this.#settleFiles(survey, cut);
    const head = await this.#beginRun(survey, cut);
    const addresses = await rescueGroups(cut, files, head, this.#log.slabs.slabBytes);
    const replay = await this.#replay(cut, addresses);
    const offsets = survey.scans.reduce((max, { scan }) => Math.max(max, scan.offsetsMax), 0);
    const metadataIndex = survey.scans.reduce((max, { scan }) => Math.max(max, scan.metadataMax), 0);
    this.#log.writer.resume(head, cut.last, cut.durable, offsets, metadataIndex);
    const recovered = await this.#finish(survey, replay);
    const packed = await this.#start(survey, cut);
    return {
      recovered,
      newestMetadataIndex: metadataIndex,
      isDamaged: replay.lost.length > 0,
      remnants: new Set([...this.#replays].filter(([id, one]) => one === undefined && id !== NO_PARTITION).map(([id]) => id)),
      report: {
        created: survey.scans.length === 0,
        durationMs: parts.clock.monotonicMs() - startMs,
        filesRead: survey.scanner.counters.files,
        groupsRead: survey.scanner.counters.groups,
        bytesRead: survey.scanner.counters.bytes,
        durableGroup: cut.durable,
        lastGroup: cut.last,
        groupsRescued: cut.rescued.length,
        groupsCut: cut.tail.groups,
        offsetsCut: cut.tail.offsets,
        cutByFlip: cut.isFlipped,
        unfinishedStarts: survey.unfinishedRuns,
        filesPacked: packed,
        damage: this.#damage,
      },
    };
  }

  /** Files get their states: what counts, what is free, what has to be made whole. */
  async #settleFiles(survey: Survey, cut: Cut): Promise<void> {
    const { files } = this.#log;
    files.run = survey.runNewest + 1;
    files.startDurable = cut.durable;
    files.incarnationSeen(survey.incarnationNewest);
    for (const range of [...cut.ranges, ...cut.emptied]) {
      if (range.scan !== undefined) adopt(range.scan, range.first, range.last, files.adopt.bind(files));
      else this.#damage.push(`WAL file of slot ${range.slot} is missing: groups ${range.first} to ${range.last}`);
    }
    // One that was freed is being prepared for its next use.
    for (const { scan } of [...cut.ranges, ...cut.emptied]) {
      if (scan !== undefined && scan.header === undefined)
        this.#damage.push(`both headers of the WAL file in slot ${scan.file.slot} are unreadable`);
    }
    for (const { file, size } of survey.found) {
      if (file.state === "absent") file.state = "free";
      if (size < files.fileBytes) await files.complete(file, size);
    }
    files.recount();
  }

  async #beginRun(survey: Survey, cut: Cut): Promise<WalFile> {
    const { files } = this.#log;
    const offsets = await this.#offsetsAtDurable(survey, cut);
    if (files.freeCount === 0) await files.createOne();
    if (files.freeCount === 0)
      throw new WalOpenError("no free WAL file is left for a start: give the disk more room, or raise the WAL's capacity");
    const head = files.take(cut.durable + 1, offsets);
    await files.writeHeader(head);
    return head;
  }

  /** The offsets counter before the groups that are rescued: what they hold is counted as lost when a later start finds them damaged. */
  async #offsetsAtDurable({ scans }: Survey, { rescued: [first] }: Cut): Promise<number> {
    const newest = scans.reduce((max, { scan }) => Math.max(max, scan.offsetsMax), 0);
    if (first === undefined) return newest;
    const { scan, number } = first;
    const directory = await this.#directories.get(scan.file, scan.incarnation, scan.groups.block(number) * BLOCK_BYTES);
    return directory === undefined ? newest : directory.header.offsets - offsetsTaken(directory);
  }

  async #replay(cut: Cut, rescued: ReadonlyMap<number, number>): Promise<LogReplay> {
    const { files } = this.#log;
    const addressOf = (scan: FileScan, number: number): number =>
      number > cut.durable ? must(rescued.get(number), "a rescued group") : scan.incarnation * files.fileBytes + positionIn(scan, number);
    const replay = new LogReplay(cut, this.#directories, addressOf, (id) => this.#partition(id));
    await replay.run(this.#log.controls);
    for (const { first, last, offsets, file } of replay.lost) {
      this.#damage.push(`groups ${first} to ${last} are unreadable (${file}): at most ${offsets} offsets`);
    }
    return replay;
  }

  #partition(id: number): PartitionReplay | undefined {
    if (this.#replays.has(id)) return this.#replays.get(id);
    const numbers = id === NO_PARTITION ? undefined : this.#hosted(id);
    let replay: PartitionReplay | undefined;
    if (numbers !== undefined) {
      const { partitionLog, index, partitions } = this.#log;
      const partition = new WalPartition(id, partitionLog, index, { logEnd: 0, ...numbers });
      partitions.set(id, partition);
      replay = new PartitionReplay(partition);
    }
    this.#replays.set(id, replay);
    return replay;
  }

  async #finish(survey: Survey, replay: LogReplay): Promise<RecoveredPartition[]> {
    for (const id of this.#hostedIds) this.#partition(id);
    const loss = replay.loss + this.#lossOfUnnamedFile(survey);
    const recovered: RecoveredPartition[] = [];
    for (const id of [...this.#replays.keys()].sort((a, b) => a - b)) {
      const one = this.#replays.get(id);
      if (one !== undefined) recovered.push(await this.#recovered(one.partition, one.finish(loss)));
    }
    return recovered;
  }

  /** A file that no list names may have been the one that was written last. */
  #lossOfUnnamedFile(survey: Survey): number {
    const { files } = this.#log;
    const newest = survey.scans.at(-1)?.scan;
    const named = new Set(survey.absent.map((file) => file.slot));
    const slotCount = Math.max(survey.slotCount, ...survey.found.map(({ file }) => file.slot + 1));
    const missing = files.slots.filter((file) => file.slot < slotCount && file.handle === undefined && !named.has(file.slot));
    if (missing.length === 0 || newest === undefined) return 0;
    files.incarnationSeen(survey.incarnationNewest + missing.length + 1);
    const wasLeft = newest.end > files.fileBytes / 2 && !newest.cleanEnd;
    this.#damage.push(
      `WAL files are missing (slots ${missing.map((file) => file.slot).join(", ")})${wasLeft ? ": newer records may be lost" : ""}`,
    );
    return wasLeft ? OFFSETS_LOST_MAX : 0;
  }

  async #recovered(partition: WalPartition, outcome: ReplayOutcome): Promise<RecoveredPartition> {
    this.#log.live.total += partition.liveBytes;
    const bytes = outcome.base === undefined ? undefined : await this.#bases.read(outcome.base);
    const baseDamaged = outcome.base !== undefined && bytes === undefined;
    if (baseDamaged) this.#damage.push(`the base of partition ${partition.id} at ${outcome.base?.offset} fails its checksum`);
    for (const { from, to } of outcome.holes) this.#damage.push(`partition ${partition.id} has lost offsets [${from}, ${to})`);
    const { base } = outcome;
    if (base !== undefined && bytes !== undefined) {
      const groups = base.chunks.map((chunk) => chunk.group);
      this.#log.recoveredBases.set(partition.id, bytes);
      partition.base = { offset: base.offset, firstGroup: Math.min(...groups), lastGroup: Math.max(...groups), bytes: base.bytes };
    }
    if (outcome.resumed) partition.startEpoch(Math.max(0, partition.leaderEpoch));
    return {
      partition,
      base: base === undefined || bytes === undefined ? undefined : { offset: base.offset, bytes, incomplete: outcome.foldIncomplete },
      baseDamaged,
      foldIncomplete: outcome.foldIncomplete || baseDamaged,
      behind: outcome.behind,
      mark: outcome.mark,
      markNoted: outcome.markNoted,
      holes: outcome.holes,
      replay: (visit) => this.#replayPartition(partition, base?.offset ?? 0, visit),
    };
  }

  /** What has become unreadable since the survey is passed over: a hole, as it would be had the survey found it. */
  async #replayPartition(p: WalPartition, from: number, visit: HeaderVisitor): Promise<void> {
    for (let at = Math.max(from, p.firstOffset); at < p.logEnd; ) {
      try {
        return await p.scanHeaders(at, p.logEnd, visit);
      } catch (error) {
        const hole = p.holeAt(at);
        if (!(error instanceof QueueError && error.code === "CORRUPT_RECORD") || hole === undefined) throw error;
        at = hole.to;
      }
    }
  }

  /** Packs files when few are free, then writes the start entry: from then on this run counts. */
  async #start(survey: Survey, cut: Cut): Promise<number> {
    const { writer, files } = this.#log;
    const { emptier, packed } = await packFiles(this.#log);
    await writer.allSynced();
    const at = writer.control(undefined, NO_PARTITION, EntryKind.start, { offset: cut.durable, second: cut.last, third: files.run });
    this.#log.controls.add({
      kind: EntryKind.start,
      partition: NO_PARTITION,
      group: at.group,
      order: { number: at.number, index: at.entry },
      offset: cut.durable,
      second: cut.last,
      third: files.run,
      epoch: 0,
    });
    for (const file of packed) emptier.free(file);
    for (const { scan } of cut.emptied) if (scan !== undefined && !scan.file.freeing) emptier.free(scan.file);
    for (const file of survey.absent) emptier.freeIncarnation(file.incarnation, file.slot);
    await writer.allSynced();
    for (const file of files.inUse()) if (file.freeing) await files.release(file);
    writer.started();
    this.#log.recoveredBases.clear();
    return packed.length;
  }
}

function adopt(scan: FileScan, first: number, last: number, register: (file: WalFile) => void): void {
  const { file } = scan;
  file.incarnation = scan.incarnation;
  file.run = scan.run;
  file.firstGroup = first;
  file.lastGroup = last;
  file.offsetsBefore = scan.header?.offsetsBefore ?? 0;
  file.needed = scan.header?.needed ?? [];
  file.end = scan.end;
  register(file);
}
