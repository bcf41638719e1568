import type { Sim } from "./sim.ts";

/** Waits until one of these files is made, takes another's place or goes; at most so long. */
export async function untilFilesChange(sim: Sim, paths: () => readonly string[], withinMs: number): Promise<void> {
  const { names } = sim.node.disk;
  const now = (): string =>
    paths()
      .map((path) => {
        const entry = names.get(path);
        return entry === undefined || entry === "folder" ? -1 : entry.id;
      })
      .join();
  const before = now();
  for (let ms = 0; ms < withinMs && now() === before; ms++) await sim.sleep(1);
}
