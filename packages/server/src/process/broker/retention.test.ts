import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { ALL_BROKERS } from "../../cluster/cluster-state.ts";
import { append, oneNode, readAll, records, TOPIC } from "../../testing/partition-fixture.ts";
import { NODE_ID } from "../control/local-control.ts";
import { type Broker } from "./broker.ts";

type Node = Awaited<ReturnType<typeof oneNode>>;

const brokerOf = ({ node }: Node): Broker => must(node.broker, "the broker");

/** A partition that keeps what these options say, looked at by nobody but the test. */
async function withOptions(configs: Readonly<Record<string, string>>): Promise<Node> {
  const node = await oneNode();
  const operations = Object.entries(configs).map(([name, value]) => ({ name, operation: "set" as const, value }));
  await node.world.settle(brokerOf(node).controller.alterTopicConfigs(TOPIC.name, operations, false));
  return node;
}

/** Ten records of ten bytes each, a second old when `n` is 0, younger than that by `n` seconds. */
async function upload(node: Node, ...ages: readonly number[]): Promise<void> {
  for (const ageMs of ages) {
    const nowMs = must(node.node.process, "the process").clock.wallMs();
    await node.world.settle(append(node.partition(), records(10, {}, nowMs - ageMs - 9)).committed);
    await node.world.settle(brokerOf(node).uploader.drain(60_000));
  }
}

async function look(node: Node): Promise<number> {
  await node.world.settle(brokerOf(node).retention.look());
  return node.partition().logStart;
}

const pass = ({ world }: Node, ms: number): Promise<void> => world.settle(new Promise<void>((resolve) => world.after(ms, resolve)));

test("records older than retention.ms go, step by step, and with them their objects; the newest range stays in the index", async () => {
  const node = await withOptions({ "retention.ms": "60000" });
  await upload(node, 70_000, 40_000, 20_000);
  equal(await look(node), 10);
  await pass(node, 5_000);
  equal(node.node.bucket.keys().length, 2);
  await pass(node, 20_000);
  equal(await look(node), 20);
  await pass(node, 40_000);
  equal(await look(node), 30);
  await pass(node, 5_000);
  equal(node.node.bucket.keys().length, 1);
  equal(brokerOf(node).controller.state.partitions.get(1)?.ranges.count, 1);
  equal(brokerOf(node).retention.raised.time, 3);
  await upload(node, 0);
  deepEqual(await node.world.settle(readAll(node.partition())), [{ base: 30, records: 10 }]);
});

test("what is not uploaded is not too old", async () => {
  const node = await withOptions({ "retention.ms": "60000" });
  node.node.config = { ...node.node.config, uploadAgeMs: 600_000 };
  await node.world.settle(node.node.stop());
  await node.world.settle(node.node.start());
  const nowMs = must(node.node.process, "the process").clock.wallMs();
  await node.world.settle(append(node.partition(), records(10, {}, nowMs - 90_000)).committed);
  equal(await look(node), 0);
  await node.world.settle(brokerOf(node).uploader.drain(60_000));
  equal(await look(node), 10);
});

test("retention.bytes: as much stays as it says, at least, what is not uploaded included", async () => {
  const node = await withOptions({ "retention.ms": "-1" });
  await upload(node, 5, 4, 3, 2, 1);
  const { ranges } = must(brokerOf(node).controller.state.partitions.get(1), "the partition");
  const rangeBytes = ranges.dataBytesAt(0);
  const setBytes = (bytes: number): Promise<void> => {
    const operation = { name: "retention.bytes", operation: "set" as const, value: String(bytes) };
    return node.world.settle(brokerOf(node).controller.alterTopicConfigs(TOPIC.name, [operation], false));
  };
  await setBytes(5 * rangeBytes);
  equal(await look(node), 0);
  await setBytes(3 * rangeBytes + 1);
  equal(await look(node), 10);
  await setBytes(2 * rangeBytes);
  equal(await look(node), 30);
  equal(brokerOf(node).retention.raised.size, 2);
});

for (const by of ["time", "size"] as const) {
  test(`a history that lies in a manifest goes step by step, too (${by}), and a restart changes nothing`, async () => {
    const node = await withOptions({ "retention.ms": "-1" });
    const uploads = 70;
    await upload(node, ...Array.from({ length: uploads }, (_, n) => (uploads - n) * 1_000_000));
    const partition = () => must(brokerOf(node).controller.state.partitions.get(1), "the partition");
    ok(must(partition().manifest, "a manifest").endOffset > 300);
    const rangeBytes = partition().ranges.dataBytesAt(0);
    const keep = (count: number): Promise<void> => {
      const [name, value] = by === "size" ? ["retention.bytes", count * rangeBytes] : ["retention.ms", count * 1_000_000 + 900_000];
      const operation = { name: String(name), operation: "set" as const, value: String(value) };
      return node.world.settle(brokerOf(node).controller.alterTopicConfigs(TOPIC.name, [operation], false));
    };
    for (const count of [70, 66, 65, 50, 31, 7, 1]) {
      await keep(count);
      equal(await look(node), (uploads - count) * 10, `${count} are kept`);
      equal(await look(node), (uploads - count) * 10, "and again");
      if (count === 65) {
        node.node.losePower();
        await node.world.settle(node.node.start());
      }
      await pass(node, 30_000);
      equal(node.node.bucket.keys().filter((key) => key.endsWith(".records")).length, count);
      equal(node.node.bucket.keys().filter((key) => key.endsWith(".manifest")).length, partition().manifest === undefined ? 0 : 1);
    }
  });
}

test("a compacted topic is kept whole", async () => {
  const node = await withOptions({ "retention.ms": "0", "retention.bytes": "0", "cleanup.policy": "compact" });
  await upload(node, 100_000, 90_000);
  equal(await look(node), 0);
});

test("looked at by itself, and a deleted topic is no trouble", async () => {
  const node = await withOptions({ "retention.ms": "1000" });
  await upload(node, 100_000, 90_000);
  await pass(node, 310_000);
  equal(node.partition().logStart, 20);
  const looking = brokerOf(node).retention.look();
  await node.world.settle(brokerOf(node).controller.deleteTopics([{ name: TOPIC.name, topicId: undefined }]));
  await node.world.settle(looking);
  await pass(node, 310_000);
  deepEqual(node.node.bucket.keys(), []);
});

test("defaults that are set on the broker, or on all, count for topics that set nothing, at once and after a start", async () => {
  const node = await oneNode();
  const { world } = node;
  const set = (on: number, name: string, value: string | null) => {
    const operation = value === null ? ("delete" as const) : ("set" as const);
    return world.settle(brokerOf(node).controller.alterBrokerConfigs(on, [{ name, operation, value }], () => undefined, false));
  };
  const settings = () => {
    const { retentionMs, messageBytesMax } = node.partition().settings;
    return [retentionMs, messageBytesMax];
  };
  deepEqual(settings(), [604_800_000, 1_048_588]);
  await set(ALL_BROKERS, "log.retention.ms", "90000");
  await set(NODE_ID, "log.retention.ms", "60000");
  await set(ALL_BROKERS, "message.max.bytes", "2000");
  deepEqual(settings(), [60_000, 2000]);
  await upload(node, 70_000, 40_000);
  equal(await look(node), 10);
  await set(NODE_ID, "log.retention.ms", null);
  deepEqual(settings(), [90_000, 2000]);
  await world.settle(node.node.stop());
  await world.settle(node.node.start());
  deepEqual(settings(), [90_000, 2000]);
  const own = [{ name: "retention.ms", operation: "set" as const, value: "5" }];
  await world.settle(brokerOf(node).controller.alterTopicConfigs(TOPIC.name, own, false));
  deepEqual(settings(), [5, 2000]);
  await set(ALL_BROKERS, "log.retention.ms", "7");
  deepEqual(settings(), [5, 2000]);
  await world.settle(brokerOf(node).controller.createInternalTopic("@internal", 1));
  await set(ALL_BROKERS, "message.max.bytes", "1");
  const internal = [...brokerOf(node).partitions.all()].find(({ identity }) => identity.topic === "@internal");
  equal(internal?.settings.messageBytesMax, 1_048_588);
});
