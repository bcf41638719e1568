import { type LogBase, metadataPrefix } from "../../model/cluster-key.ts";

const INDEX_DIGITS = 16;
/** The keys of one snapshot. */
export type SnapshotKeys = Readonly<{ head: string; part(part: number): string }>;

const HEAD = /\/meta\/snapshots\/([0-9]{16})-([0-9a-f]{16})$/;
const PART = /\/meta\/snapshot-parts\/([0-9]{16})-[0-9a-f]{16}\/[0-9]{6}$/;

/** Where a cluster's metadata lies in its bucket (docs/formats/metadata-log.md, "In object storage"). */
export class MetadataKeys {
  readonly #front: string;

  constructor(clusterId: string) {
    this.#front = metadataPrefix(clusterId);
  }

  get heads(): string {
    return `${this.#front}snapshots/`;
  }

  get parts(): string {
    return `${this.#front}snapshot-parts/`;
  }

  get bases(): string {
    return `${this.#front}bases/`;
  }

  get baseParts(): string {
    return `${this.#front}base-parts/`;
  }

  get entries(): string {
    return `${this.#front}log/`;
  }

  entry(index: number): string {
    return `${this.entries}${digits(index)}`;
  }

  /** @param random 16 hexadecimal characters, of one attempt to write the snapshot. */
  snapshot(index: number, random: string): SnapshotKeys {
    return snapshotKeys(this.heads, this.parts, index, random);
  }

  /** Of the snapshot that the log begins behind. */
  base({ index, random }: LogBase): SnapshotKeys {
    return snapshotKeys(this.bases, this.baseParts, index, random);
  }

  probe(random: string): string {
    return `${this.#front}probes/${random}`;
  }
}

function snapshotKeys(heads: string, parts: string, index: number, random: string): SnapshotKeys {
  const name = `${digits(index)}-${random}`;
  return { head: `${heads}${name}`, part: (part) => `${parts}${name}/${String(part).padStart(6, "0")}` };
}

/** Undefined for a key of something else. */
export function parseHeadKey(key: string): Readonly<{ index: number; random: string }> | undefined {
  const match = HEAD.exec(key);
  return match === null ? undefined : { index: Number(match[1]), random: match[2] ?? "" };
}

/** The index of the snapshot that a part belongs to. */
export function partIndex(key: string): number | undefined {
  const match = PART.exec(key);
  return match === null ? undefined : Number(match[1]);
}

function digits(index: number): string {
  return String(index).padStart(INDEX_DIGITS, "0");
}
