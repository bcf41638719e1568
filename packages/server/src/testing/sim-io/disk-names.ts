import { folderOf, ROOT } from "../../io/disk-path.ts";
import type { DiskFileState } from "./disk-file-state.ts";
import type { SimRandom } from "./random.ts";

export type DiskEntry = DiskFileState | "folder";

type NameChange =
  | Readonly<{ kind: "set"; path: string; entry: DiskEntry }>
  | Readonly<{ kind: "remove"; path: string }>
  | Readonly<{ kind: "rename"; from: string; to: string; entry: DiskEntry }>;

/** The names of a file system: as programs see them, as they are durable, and the changes between, oldest first. */
export class DiskNames {
  #current = new Map<string, DiskEntry>();
  #durable = new Map<string, DiskEntry>();
  #unsynced: NameChange[] = [];

  get(path: string): DiskEntry | undefined {
    return path === ROOT ? "folder" : this.#current.get(path);
  }

  files(): DiskFileState[] {
    return [...this.#current.values()].filter((entry) => entry !== "folder");
  }

  list(folder: string): string[] {
    const prefix = folder === ROOT ? "" : `${folder}/`;
    const names = [...this.#current.keys()].filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"));
    return names.map((path) => path.slice(prefix.length)).sort();
  }

  set(path: string, entry: DiskEntry): void {
    this.#change({ kind: "set", path, entry });
  }

  remove(path: string): void {
    this.#change({ kind: "remove", path });
  }

  rename(from: string, to: string): void {
    this.#change({ kind: "rename", from, to, entry: this.#current.get(from) as DiskEntry });
  }

  /** Every change within this folder so far is durable; a rename belongs to both its folders. */
  sync(folder: string): void {
    this.#unsynced = this.#unsynced.filter((change) => {
      const paths = change.kind === "rename" ? [change.from, change.to] : [change.path];
      if (!paths.some((path) => folderOf(path) === folder)) return true;
      applyTo(this.#durable, change);
      return false;
    });
  }

  /** Each unsynced change is kept or lost by itself; what lay in a folder that is lost is gone with it. */
  losePower(random: SimRandom, keptRatio: number): void {
    for (const change of this.#unsynced) if (random.chance(keptRatio)) applyTo(this.#durable, change);
    this.#unsynced = [];
    for (const path of [...this.#durable.keys()].sort()) {
      const folder = folderOf(path);
      if (folder !== ROOT && this.#durable.get(folder) !== "folder") this.#durable.delete(path);
    }
    this.#current = new Map(this.#durable);
  }

  #change(change: NameChange): void {
    applyTo(this.#current, change);
    this.#unsynced.push(change);
  }
}

function applyTo(names: Map<string, DiskEntry>, change: NameChange): void {
  if (change.kind === "set") names.set(change.path, change.entry);
  else if (change.kind === "remove") names.delete(change.path);
  else {
    names.delete(change.from);
    names.set(change.to, change.entry);
  }
}
