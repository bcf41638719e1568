import type { Client } from "@tidemq/client/client.ts";
import type { GroupDescription } from "@tidemq/client/group-description.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { freshName, type Target } from "./target.ts";

const POLL_MS = 100;
/** A member of the new protocol learns of others with its next heartbeat: 5 s. */
const REBALANCE_MS_MAX = 30_000;

/** Our own client, to prepare what foreign members of a group find, and to see what they left. */
export class GroupScene {
  readonly client: Client;

  constructor(target: Target) {
    this.client = openClient({ bootstrap: [{ host: target.host, port: target.port }] });
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** A topic with so many records in each partition: "0.1" is partition 0, offset 1. */
  async topic(partitions: number, records: number): Promise<string> {
    const name = freshName("grouped");
    await this.client.admin.createTopic({ name, partitions });
    await this.write(name, partitions, 0, records);
    return name;
  }

  /** Records from one offset to another, in each partition. */
  async write(topic: string, partitions: number, from: number, to: number): Promise<void> {
    const producer = this.client.producer();
    const places = Array.from({ length: partitions }, (_, partition) => partition);
    for (let offset = from; offset < to; offset += 1)
      await Promise.all(places.map((partition) => producer.send({ topic, partition, value: `${partition}.${offset}` })));
    await producer.close();
  }

  /** Committed offsets by partition; undefined where there is none. */
  async committed(group: string, topic: string): Promise<(number | undefined)[]> {
    const found: (number | undefined)[] = [];
    for (const one of await this.client.groups.offsets(group)) if (one.topic === topic) found[one.partition] = one.offset;
    return [...found];
  }

  describe(group: string): Promise<GroupDescription> {
    return this.client.groups.describe(group);
  }

  /** Partitions of each member, in a fixed order: `[[0, 2], [1, 3]]`. */
  async shares(group: string): Promise<number[][]> {
    const { members } = await this.describe(group);
    const shares = members.map((member) => member.assignment.flatMap(({ partitions }) => [...partitions]).sort((a, b) => a - b));
    return shares.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
  }

  /** Waits until the group is stable and its members have so many partitions each. */
  async whenShared(group: string, sizes: readonly number[]): Promise<void> {
    await until(`group ${group} is shared ${sizes.join("+")}`, async () => {
      const { state } = await this.describe(group);
      const found = (await this.shares(group)).map((share) => share.length).sort((a, b) => b - a);
      return state === "Stable" && found.join() === sizes.join() ? undefined : `${state}, ${found.join("+")}`;
    });
  }
}

/** Asks again until there is nothing that is missing. `missing`: what is, in words; an error counts as that. */
export async function until(
  what: string,
  missing: () => Promise<string | undefined> | string | undefined,
  msMax = REBALANCE_MS_MAX,
): Promise<void> {
  const giveUpAtMs = Date.now() + msMax;
  for (;;) {
    const said = await Promise.resolve()
      .then(missing)
      .catch((error: unknown) => String(error));
    if (said === undefined) return;
    if (Date.now() > giveUpAtMs) throw new Error(`not within ${msMax} ms: ${what}; now ${said}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** "0.0", "0.1", …, "1.0", …: every record of so many partitions. */
export function allValues(partitions: number, from: number, to: number): string[] {
  return Array.from({ length: partitions }, (_, partition) =>
    Array.from({ length: to - from }, (_none, i) => `${partition}.${from + i}`),
  ).flat();
}
