// Goal: members of groups written in C and JavaScript join, share, commit, leave and come back as with Kafka.
// Method: what each of them read is compared with what was written, what it committed is read by our own client.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { Admin, Consumer, type Message, MessagesStreamFallbackModes, MessagesStreamModes, stringDeserializers } from "@platformatic/kafka";
import kafkajs from "kafkajs";
import { allValues, GroupScene, until } from "./group-scene.ts";
import { output } from "./run-program.ts";
import { missingProgram, suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";

let target: Target;
let scene: GroupScene;

before(async () => {
  target = await startTarget();
  scene = new GroupScene(target);
});
after(async () => {
  await scene?.close();
  await target?.stop();
});

suite("kcat -G", missingProgram("kcat", "kcat", "-V"), () => {
  const EARLIEST = ["-X", "auto.offset.reset=earliest"];
  const members: ChildProcess[] = [];
  after(() => {
    for (const child of members) child.kill("SIGKILL");
  });

  const read = async (group: string, topic: string, args: readonly string[]): Promise<string[]> => {
    const text = await output("kcat", ["-q", "-b", target.bootstrap, ...EARLIEST, "-f", "%s\n", ...args, "-G", group, topic]);
    return text.split("\n").filter((line) => line !== "");
  };

  /** A member that goes on until it is told to leave. */
  const join = (group: string, topic: string, args: readonly string[] = []): { seen: string[]; leave: () => Promise<void> } => {
    const child = spawn("kcat", ["-q", "-u", "-b", target.bootstrap, ...EARLIEST, "-f", "%s\n", ...args, "-G", group, topic]);
    members.push(child);
    const seen: string[] = [];
    child.stdout.on("data", (chunk: Buffer) =>
      seen.push(
        ...chunk
          .toString()
          .split("\n")
          .filter((line) => line !== ""),
      ),
    );
    const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const leave = (): Promise<void> => {
      child.kill("SIGINT");
      return gone;
    };
    return { seen, leave };
  };

  test("what it has read is committed when it ends, and it goes on there", async () => {
    const topic = await scene.topic(1, 20);
    const group = freshName("kcat");
    deepEqual(await read(group, topic, ["-c", "12"]), allValues(1, 0, 12));
    deepEqual(await scene.committed(group, topic), [12]);
    equal((await scene.describe(group)).state, "Empty");
    deepEqual(await read(group, topic, ["-e"]), allValues(1, 12, 20));
    deepEqual(await read(group, topic, ["-e"]), []);
  });

  for (const strategy of ["range", "roundrobin", "cooperative-sticky"]) {
    test(`${strategy}: a second member gets its share, and gives it back`, async () => {
      const topic = await scene.topic(4, 5);
      const group = freshName("kcat");
      const flags = ["-X", `partition.assignment.strategy=${strategy}`];
      const first = join(group, topic, flags);
      await scene.whenShared(group, [4]);
      await until("all is read", () => (first.seen.length === 20 ? undefined : `${first.seen.length}`));
      const second = join(group, topic, flags);
      await scene.whenShared(group, [2, 2]);
      const described = await scene.describe(group);
      deepEqual([described.type, described.protocolType, described.assignor], ["classic", "consumer", strategy]);
      deepEqual(
        described.members.map(({ topics }) => topics),
        [[topic], [topic]],
      );
      await scene.write(topic, 4, 5, 8);
      await until("new records", () =>
        first.seen.length + second.seen.length >= 32 ? undefined : `${first.seen.length}+${second.seen.length}`,
      );
      ok(second.seen.length >= 6, "each has read what is its own");
      await second.leave();
      await scene.whenShared(group, [4]);
      await first.leave();
      deepEqual(await scene.committed(group, topic), [8, 8, 8, 8]);
      deepEqual([...new Set([...first.seen, ...second.seen])].sort(), allValues(4, 0, 8));
    });
  }

  test("a static member comes back within its session to what it had", async () => {
    const topic = await scene.topic(2, 1);
    const group = freshName("kcat");
    const named = (name: string): string[] => ["-X", `group.instance.id=${name}`, "-X", "session.timeout.ms=30000"];
    const first = join(group, topic, named("a"));
    await scene.whenShared(group, [2]);
    const second = join(group, topic, named("b"));
    await scene.whenShared(group, [1, 1]);
    const before = await scene.describe(group);
    const shareOf = (described: typeof before, name: string) => described.members.find((one) => one.instanceId === name)?.assignment;
    await second.leave();
    equal((await scene.describe(group)).members.length, 2, "it has not left");
    const again = join(group, topic, named("b"));
    await until("another member under the same name", async () => {
      const { members, state } = await scene.describe(group);
      const idOf = (all: typeof members) => all.find((one) => one.instanceId === "b")?.memberId;
      return state === "Stable" && idOf(members) !== idOf(before.members) ? undefined : state;
    });
    deepEqual(shareOf(await scene.describe(group), "b"), shareOf(before, "b"));
    await again.leave();
    await first.leave();
  });
});

describe("kafkajs in a group", () => {
  let client: kafkajs.Kafka;
  let admin: kafkajs.Admin;

  before(async () => {
    client = new kafkajs.Kafka({
      brokers: [target.bootstrap],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 10 },
    });
    admin = client.admin();
    await admin.connect();
  });
  after(() => admin?.disconnect());

  const join = async (groupId: string, topic: string): Promise<{ consumer: kafkajs.Consumer; seen: string[] }> => {
    const consumer = client.consumer({
      groupId,
      rebalanceTimeout: 10_000,
      heartbeatInterval: 500,
      sessionTimeout: 10_000,
      maxWaitTimeInMs: 300,
    });
    const seen: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message }) => {
        seen.push(message.value?.toString() ?? "");
        return Promise.resolve();
      },
    });
    return { consumer, seen };
  };

  test("joins, shares, commits, leaves, and goes on where it was", async () => {
    const topic = await scene.topic(4, 5);
    const group = freshName("kafkajs");
    const first = await join(group, topic);
    await scene.whenShared(group, [4]);
    await until("all is read", () => (first.seen.length === 20 ? undefined : `${first.seen.length}`));
    const second = await join(group, topic);
    await scene.whenShared(group, [2, 2]);
    await scene.write(topic, 4, 5, 8);
    await until("new records", () =>
      first.seen.length + second.seen.length >= 32 ? undefined : `${first.seen.length}+${second.seen.length}`,
    );
    equal(second.seen.length, 6);
    await first.consumer.disconnect();
    await scene.whenShared(group, [4]);
    await second.consumer.disconnect();
    deepEqual(await scene.committed(group, topic), [8, 8, 8, 8]);
    await scene.write(topic, 4, 8, 9);
    const third = await join(group, topic);
    await until("only what is new", () => (third.seen.length === 4 ? undefined : `${third.seen.length}`));
    await third.consumer.disconnect();
    deepEqual(third.seen.sort(), allValues(4, 8, 9));
  });

  test("admin: list, describe, offsets, delete", async () => {
    const topic = await scene.topic(2, 5);
    const group = freshName("kafkajs");
    const { consumer, seen } = await join(group, topic);
    await until("all is read", () => (seen.length === 10 ? undefined : `${seen.length}`));
    ok((await admin.listGroups()).groups.some((one) => one.groupId === group && one.protocolType === "consumer"));
    const { groups } = await admin.describeGroups([group]);
    deepEqual([groups[0]?.state, groups[0]?.members.length, groups[0]?.protocol], ["Stable", 1, "RoundRobinAssigner"]);
    await rejects(admin.deleteGroups([group]), (error: kafkajs.KafkaJSDeleteGroupsError) => {
      equal(error.groups?.[0]?.error?.type, "NON_EMPTY_GROUP");
      return true;
    });
    await consumer.disconnect();
    const offsets = async () =>
      (await admin.fetchOffsets({ groupId: group, topics: [topic] }))[0]?.partitions.map(({ offset }) => offset).sort();
    deepEqual(await offsets(), ["5", "5"]);
    await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: "3" }] });
    deepEqual(await offsets(), ["3", "5"]);
    if (target.isKafka) {
      // It commits −2, which its own consumers take for the beginning. TideMQ refuses offsets below 0.
      await admin.resetOffsets({ groupId: group, topic, earliest: true });
      deepEqual(await offsets(), ["-2", "-2"]);
    }
    await admin.deleteGroups([group]);
    ok(!(await admin.listGroups()).groups.some((one) => one.groupId === group));
    await rejects(scene.describe(group), { code: "GROUP_ID_NOT_FOUND" });
  });
});

describe("@platformatic/kafka in a group", () => {
  for (const groupProtocol of ["classic", "consumer"] as const) {
    const join = async (groupId: string, topic: string) => {
      const common = { groupId, clientId: "platformatic", bootstrapBrokers: [target.bootstrap], deserializers: stringDeserializers };
      const consumer = new Consumer<string, string, string, string>(
        groupProtocol === "classic"
          ? { ...common, groupProtocol, heartbeatInterval: 500, sessionTimeout: 10_000, rebalanceTimeout: 10_000 }
          : { ...common, groupProtocol },
      );
      const stream = await consumer.consume({
        topics: [topic],
        mode: MessagesStreamModes.COMMITTED,
        fallbackMode: MessagesStreamFallbackModes.EARLIEST,
        autocommit: 200,
        maxWaitTime: 200,
      });
      const seen: string[] = [];
      stream.on("data", (message: Message<string, string, string, string>) => seen.push(String(message.value)));
      const leave = async (): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, 500)); // its commits have a clock of their own
        await stream.close();
        await consumer.close(true);
      };
      return { seen, leave };
    };

    test(`${groupProtocol}: joins, shares, commits, leaves, and goes on where it was`, async () => {
      const topic = await scene.topic(4, 5);
      const group = freshName("platformatic");
      const first = await join(group, topic);
      await scene.whenShared(group, [4]);
      await until("all is read", () => (first.seen.length === 20 ? undefined : `${first.seen.length}`));
      equal((await scene.describe(group)).type, groupProtocol);
      const second = await join(group, topic);
      await scene.whenShared(group, [2, 2]);
      await scene.write(topic, 4, 5, 8);
      await until("new records", () =>
        new Set([...first.seen, ...second.seen]).size >= 32 ? undefined : `${first.seen.length}+${second.seen.length}`,
      );
      await second.leave();
      await scene.whenShared(group, [4]);
      await first.leave();
      deepEqual(await scene.committed(group, topic), [8, 8, 8, 8]);
    });
  }

  test("admin: list, describe, offsets, delete", async () => {
    const topic = await scene.topic(2, 5);
    const group = freshName("platformatic");
    await scene.client.groups.commit(group, [{ topic, partition: 1, offset: 2 }]);
    const admin = new Admin({ clientId: "admin", bootstrapBrokers: [target.bootstrap] });
    ok([...(await admin.listGroups()).keys()].includes(group));
    const described = (await admin.describeGroups({ groups: [group] })).get(group);
    match(String(described?.state), /^empty$/i);
    await admin.deleteGroups({ groups: [group] });
    await rejects(scene.describe(group), { code: "GROUP_ID_NOT_FOUND" });
    await admin.close();
  });
});
