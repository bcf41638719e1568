import { withinTime } from "../io/backoff.ts";
import { ObjectStoreError } from "../io/object-store.ts";
import { type ObjectId, type ObjectKind, objectKey } from "../model/object-id.ts";
import { AUDIT_NAMES_MAX, REMOVES_MAX, STORE_READ_WAIT_MS } from "./limits.ts";
import { listPages } from "./object-listing.ts";
import { type NamedObjects, ObjectReferences, type ReferenceParts } from "./object-references.ts";
import { ObjectSet } from "./object-set.ts";

/** Objects and what they hold. */
export type ObjectSum = { objects: number; bytes: number };

/** What an audit found, so far while it runs. Lists of keys are cut at AUDIT_NAMES_MAX; the counts are not. */
export type AuditReport = {
  /** Keys that were listed. */
  listed: number;
  /** Named by the metadata, and there. */
  readonly live: ObjectSum;
  /** Of this cluster, and named by nothing: they wait for collection. */
  readonly dead: ObjectSum;
  /** Named by the metadata, and not there: what they hold is lost. */
  readonly missing: ObjectSum & { keys: string[] };
  /** Keys of the cluster's metadata log, if that lies here, and the one that says whose the bucket is. */
  metadata: number;
  /** Of nobody that is known here. */
  readonly others: { objects: number; keys: string[] };
  /** Manifests that are damaged or missing: what they name was not looked for. */
  unreadableManifests: number;
};

export type AuditParts = Omit<ReferenceParts, "named"> & Readonly<{ named: NamedObjects }>;

type Named = Readonly<{ id: ObjectId; kind: ObjectKind; bytes: number }>;

/**
 * Holds the bucket against the metadata. To be run while no collection does. What changes meanwhile is told apart: missing is
 * only what is named before and after it was looked for by name.
 */
export class StorageAudit {
  readonly #parts: AuditParts;
  readonly #listed = new ObjectSet();
  /** What was named before the LIST. */
  readonly #before = new ObjectSet();
  readonly report: AuditReport = {
    listed: 0,
    live: { objects: 0, bytes: 0 },
    dead: { objects: 0, bytes: 0 },
    missing: { objects: 0, bytes: 0, keys: [] },
    metadata: 0,
    others: { objects: 0, keys: [] },
    unreadableManifests: 0,
  };

  constructor(parts: AuditParts) {
    this.#parts = parts;
  }

  /** @throws QueueError ObjectStoreError: object storage does not answer. WalkEnded: the process stops. */
  async run(): Promise<AuditReport> {
    this.report.unreadableManifests = await this.#walk(({ id }) => this.#before.add(id));
    await this.#list();
    await this.#compare();
    return this.report;
  }

  /** Everything that is named now, each object once. Resolves with the number of manifests that could not be read. */
  async #walk(visit: (named: Named) => void): Promise<number> {
    const met = new ObjectSet();
    const references = new ObjectReferences(this.#parts, (id, bytes, kind) => {
      if (met.add(id)) visit({ id, kind, bytes });
    });
    await references.walk();
    return references.unreadable.length;
  }

  async #list(): Promise<void> {
    const { store, clock, clusterId } = this.#parts;
    const { report } = this;
    for await (const { objects, metadata, others } of listPages(store, clock, "", clusterId)) {
      report.listed += objects.length + metadata + others.length;
      report.metadata += metadata;
      report.others.objects += others.length;
      addNames(report.others.keys, others);
      for (const { id } of objects) this.#listed.add(id);
      await this.#sumDead(objects.filter(({ id }) => !this.#before.has(id)).map(({ key }) => key));
    }
  }

  /** A LIST tells no lengths here. */
  async #sumDead(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += REMOVES_MAX) {
      const lengths = await Promise.all(keys.slice(at, at + REMOVES_MAX).map((key) => this.#bytesOf(key)));
      for (const bytes of lengths) if (bytes !== undefined) addTo(this.report.dead, bytes);
    }
  }

  /** What is named now, with what was listed. What was not is asked for by name, since a LIST may be stale. */
  async #compare(): Promise<void> {
    const { live, dead } = this.report;
    const unlisted: Named[] = [];
    const more: ObjectSum = { objects: 0, bytes: 0 };
    await this.#walk((named) => {
      if (!this.#listed.has(named.id)) {
        if (unlisted.length < AUDIT_NAMES_MAX) unlisted.push(named);
        else addTo(more, named.bytes);
        return;
      }
      addTo(live, named.bytes);
      // Committed meanwhile: it only looked dead.
      if (!this.#before.has(named.id)) addTo(dead, -named.bytes, -1);
    });
    if (unlisted.length > 0) await this.#findMissing(unlisted, more);
  }

  /** Those of which somebody could read now, and which are not there. Of very many that were not listed, the first stand for all. */
  async #findMissing(unlisted: readonly Named[], more: ObjectSum): Promise<void> {
    const { live, missing } = this.report;
    const keyOf = ({ id, kind }: Named): string => objectKey(this.#parts.clusterId, id, kind);
    const absent = new Set<string>();
    for (const named of unlisted) {
      if ((await this.#bytesOf(keyOf(named))) === undefined) absent.add(keyOf(named));
      else addTo(live, named.bytes);
    }
    const rest = absent.size > 0 ? missing : live;
    addTo(rest, more.bytes, more.objects);
    await this.#walk((named) => {
      if (!absent.has(keyOf(named))) return;
      addTo(missing, named.bytes);
      addNames(missing.keys, [keyOf(named)]);
    });
    missing.keys.sort();
  }

  async #bytesOf(key: string): Promise<number | undefined> {
    const { store, clock, stopped } = this.#parts;
    const late = (): Error => new ObjectStoreError("unavailable", "no answer about an object");
    if (stopped()) throw late();
    return (await withinTime(clock, store.head(key), STORE_READ_WAIT_MS, late))?.bytes;
  }
}

function addTo(sum: ObjectSum, bytes: number, objects = 1): void {
  sum.objects += objects;
  sum.bytes += bytes;
}

function addNames(keys: string[], more: readonly string[]): void {
  keys.push(...more.slice(0, Math.max(0, AUDIT_NAMES_MAX - keys.length)));
}
