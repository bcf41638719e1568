import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { scene } from "./testing/scripted-client.ts";

test("what an application's callback throws comes up by itself, and disturbs no delivery", async () => {
  const { world, cluster, client } = scene();
  cluster.createTopic("t", 3);
  const thrown: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error));
  try {
    const onBatch = (): void => {
      throw new Error("of the application");
    };
    const producer = client.producer({ lingerMs: 0, onBatch });
    const sends = [0, 1, 2].map((partition) => producer.send({ topic: "t", partition, value: "a" }));
    deepEqual(
      (await world.run(Promise.all(sends))).map(({ offset }) => offset),
      [0, 0, 0],
    );
    await world.run(producer.close());
    equal(producer.bufferedBytes, 0);
    await world.pass(1);
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
  deepEqual(
    thrown.map((error) => (error as Error).message),
    Array.from({ length: 3 }, () => "of the application"),
  );
});
