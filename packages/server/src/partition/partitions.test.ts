import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { KafkaFixture } from "../testing/kafka-fixture.ts";

/** What each look at the time is later than the one before: as if every partition took so long to open. */
const STEP_MS = 0.05;
const COUNT = 1_000;
const STEPS_MAX = 1_000;

/** Turns are taken one by one. */
class Scene {
  readonly fixture: KafkaFixture;
  readonly #turns: (() => void)[] = [];

  static async open(): Promise<Scene> {
    return new Scene(await KafkaFixture.open());
  }

  private constructor(fixture: KafkaFixture) {
    this.fixture = fixture;
    const { clock } = fixture;
    clock.monotonicMs = () => (clock.nowMs += STEP_MS);
    clock.nextTurn = (run) => void this.#turns.push(run);
  }

  async turn(): Promise<void> {
    for (const run of this.#turns.splice(0)) run();
    this.fixture.clock.advance(1);
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
  }

  /** Turns until it has come. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    void promise.finally(() => (isSettled = true));
    for (let n = 0; !isSettled; n += 1) {
      ok(n < STEPS_MAX, "it does not come");
      await this.turn();
    }
    return promise;
  }

  /** Turns while there are any. */
  async rest(): Promise<void> {
    for (let n = 0; this.#turns.length > 0; n += 1) {
      ok(n < STEPS_MAX, "it does not end");
      await this.turn();
    }
  }

  create(name: string, partitions = COUNT) {
    return this.until(
      this.fixture.controller.createTopics([{ name, partitions, replicationFactor: 1, assignments: [], configs: [] }], false),
    );
  }

  /** How many are open, and how many are led. */
  get counts(): readonly [number, number] {
    const { partitions } = this.fixture;
    return [[...partitions.all()].length, partitions.count];
  }

  get isUnderWay(): boolean {
    const [open, count] = this.counts;
    return open > 0 && open < count / 2;
  }
}

test("a topic of many partitions is opened over turns, and counted from the first one on", async () => {
  const scene = await Scene.open();
  await scene.create("t");
  ok(scene.isUnderWay, scene.counts.join());
  equal(scene.counts[1], COUNT);
  await scene.rest();
  deepEqual(scene.counts, [COUNT, COUNT]);
});

test("whoever asks for a partition that is not open yet opens it", async () => {
  const scene = await Scene.open();
  await scene.create("t");
  const { partitions, controller } = scene.fixture;
  const topic = controller.state.topic("t");
  const [open] = scene.counts;
  const asked = [partitions.byName("t", 999), partitions.byTopicId(topic?.id ?? "", 998), partitions.byId(topic?.partitions[997] ?? -1)];
  deepEqual(
    asked.map((partition) => partition?.identity.index),
    [999, 998, 997],
  );
  deepEqual(scene.counts, [open + 3, COUNT]);
  deepEqual([partitions.byName("t", COUNT), partitions.byId(-1)], [undefined, undefined]);
  await scene.rest();
  deepEqual(scene.counts, [COUNT, COUNT]);
  equal(partitions.byName("t", 999), asked[0]);
});

test("a topic that is deleted before it is open is not opened, and its name is free", async () => {
  const scene = await Scene.open();
  await scene.create("t");
  const { controller, partitions } = scene.fixture;
  ok(scene.isUnderWay);
  await scene.until(controller.deleteTopics([{ name: "t", topicId: undefined }]));
  deepEqual(scene.counts, [0, 0]);
  await scene.create("t", 3);
  await scene.rest();
  deepEqual([scene.counts, partitions.byName("t", 3)], [[3, 3], undefined]);
});

test("a topic that is made and deleted by one batch of commands was never there", async () => {
  const scene = await Scene.open();
  const { controller } = scene.fixture;
  const topicId = "a".repeat(21).concat("A");
  const assignments = Array.from({ length: COUNT }, () => [1]);
  const create = controller.submit({ kind: "create-topic", topicId, name: "t", configs: new Map(), assignments });
  await scene.until(Promise.all([create, controller.submit({ kind: "delete-topic", topicId })]));
  await scene.rest();
  deepEqual(scene.counts, [0, 0]);
});

test("options that change before a partition is open are its own", async () => {
  const scene = await Scene.open();
  await scene.create("t");
  const { controller, partitions } = scene.fixture;
  const topicId = controller.state.topic("t")?.id ?? "";
  const changes = [{ name: "retention.ms", value: "7" }];
  await scene.until(controller.submit({ kind: "set-topic-configs", topicId, versionBefore: 0, changes }));
  ok(scene.isUnderWay, "a change of options opens nothing");
  await scene.rest();
  deepEqual(new Set([...partitions.all()].map(({ settings }) => settings.retentionMs)), new Set([7]));
});

test("who stops to lead before a partition is open has nothing of it, and opens it when it leads again", async () => {
  const scene = await Scene.open();
  await scene.create("t");
  const { controller, partitions } = scene.fixture;
  ok(scene.isUnderWay);
  await scene.until(controller.fenceBroker(1, controller.state.brokers.get(1)?.epoch ?? -1));
  await scene.rest();
  deepEqual([scene.counts, partitions.byName("t", 999)], [[0, 0], undefined]);
  await scene.until(controller.electLeaders(1));
  await scene.rest();
  deepEqual(scene.counts, [COUNT, COUNT]);
});

test("nothing is opened any more when the broker stops", async () => {
  const scene = await Scene.open();
  await scene.create("t");
  const [open] = scene.counts;
  scene.fixture.hosting.stop();
  await scene.rest();
  equal(scene.counts[0], open);
});

test("a start opens what there is over turns", async () => {
  const scene = await Scene.open();
  await scene.create("t");
  await scene.rest();
  const { partitions, hosting } = scene.fixture;
  for (const { identity } of [...partitions.all()]) partitions.remove(identity.id);
  const restored = hosting.restore([]);
  await scene.turn();
  ok(scene.counts[0] > 0 && scene.counts[0] < COUNT / 2, scene.counts.join());
  await scene.until(restored);
  deepEqual(scene.counts, [COUNT, COUNT]);
});
