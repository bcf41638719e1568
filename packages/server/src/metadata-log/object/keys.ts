const INDEX_DIGITS = 16;
const HEAD = /\/meta\/snapshots\/([0-9]{16})-([0-9a-f]{16})$/;
const PART = /\/meta\/snapshot-parts\/([0-9]{16})-[0-9a-f]{16}\/[0-9]{6}$/;

/** Where a cluster's metadata lies in its bucket (docs/formats/metadata-log.md, "In object storage"). */
export class MetadataKeys {
  readonly #front: string;

  constructor(clusterId: string) {
    this.#front = `${clusterId}/meta/`;
  }

  get heads(): string {
    return `${this.#front}snapshots/`;
  }

  get parts(): string {
    return `${this.#front}snapshot-parts/`;
  }

  entry(index: number): string {
    return `${this.#front}log/${digits(index)}`;
  }

  /** @param random 16 hexadecimal characters, of one attempt to write the snapshot. */
  head(index: number, random: string): string {
    return `${this.heads}${digits(index)}-${random}`;
  }

  part(index: number, random: string, part: number): string {
    return `${this.parts}${digits(index)}-${random}/${String(part).padStart(6, "0")}`;
  }

  probe(random: string): string {
    return `${this.#front}probes/${random}`;
  }
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
