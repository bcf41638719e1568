import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { QueueError } from "../base/errors.ts";
import { stateHash } from "../cluster/state-hash.ts";
import type { Clock } from "../io/clock.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { SimDisk } from "../testing/sim-io/disk.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { snapshotPieces } from "./copy-metadata.ts";
import { describeMetadata } from "./describe-metadata.ts";
import { FilePlace } from "./file-place.ts";
import type { MetadataSource } from "./metadata-place.ts";
import { encodeSnapshotFileHeader } from "./snapshot-file-codec.ts";
import { snapshotMetadata } from "./snapshot-metadata.ts";

/** A place that holds the state of a fixture as a snapshot. */
function sourceOf({ state }: ClusterFixture, clock: Clock): MetadataSource {
  const snapshot = () => ({ index: state.index, bytes: 1, pieces: snapshotPieces(state, clock, () => undefined) });
  return {
    name: "fixture",
    kind: "folder",
    isRunning: () => false,
    find: () =>
      Promise.resolve({
        clusterId: state.clusterId,
        firstIndex: 1,
        formats: {},
        moved: undefined,
        log: {
          latestSnapshot: () => Promise.resolve(snapshot()),
          readFrom: (index) => Promise.resolve({ kind: "end", endIndex: index }),
        },
        snapshotAgeMs: () => Promise.resolve(undefined),
        close: () => Promise.resolve(),
      }),
  };
}

function setting() {
  const world = new SimWorld(1);
  const process = world.startProcess("tool");
  const disk = new SimDisk(world, "disk");
  const mounted = disk.mount(process);
  const file = new FilePlace({ name: "backup.snapshot", disk: mounted, path: "backup.snapshot", clock: process.clock });
  return { world, disk, mounted, file, clock: process.clock };
}

test("a snapshot file says what it holds, and is checked alone", async () => {
  const { world, disk, file, clock } = setting();
  const fixture = new ClusterFixture();
  const told: number[] = [];
  const made = await world.settle(snapshotMetadata(sourceOf(fixture, clock), file, { clock, wrote: (bytes) => told.push(bytes) }));
  const { state } = fixture;
  deepEqual([made.index, made.stateHash, made.clusterId], [state.index, stateHash(state), "test-cluster"]);
  equal(told.at(-1), made.bytes);
  await world.run(world.nowMs + 5_000);
  const description = await world.settle(describeMetadata(file, clock));
  equal(description.kind, "file");
  equal(description.stateHash, made.stateHash);
  equal(description.hashWhenWritten, null);
  deepEqual(description.snapshot?.index, state.index);
  ok((description.snapshot?.ageMs ?? 0) >= 5_000);
  deepEqual(description.counts, { topics: 1, internalTopics: 0, partitions: 2, groupPartitions: 0, objects: 0, ranges: 0 });
  deepEqual(
    description.brokers.map(({ id, fenced }) => [id, fenced]),
    [...state.brokers.values()].map(({ id, fenced }) => [id, fenced]),
  );
  deepEqual(disk.names.list(""), ["backup.snapshot"]);
  await rejects(world.settle(snapshotMetadata(sourceOf(fixture, clock), file, { clock, wrote: () => undefined })), {
    code: "INVALID_REQUEST",
    message: /exists/,
  });
});

test("every flipped byte of a snapshot file is seen; so is a missing end", async () => {
  const { world, disk, file, clock, mounted } = setting();
  await world.settle(snapshotMetadata(sourceOf(new ClusterFixture(), clock), file, { clock, wrote: () => undefined }));
  const whole = Buffer.from(disk.contents("backup.snapshot"));
  for (let at = 0; at < whole.byteLength; at += 1) {
    disk.overwrite("backup.snapshot", at, Buffer.from([(whole[at] ?? 0) ^ 16]));
    const error = await world.settle(describeMetadata(file, clock)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    ok(error instanceof QueueError && error.code === "CORRUPT_METADATA", `byte ${at}: ${error}`);
    disk.overwrite("backup.snapshot", at, whole.subarray(at, at + 1));
  }
  const opened = await world.settle(mounted.open("backup.snapshot", "write"));
  await world.settle(opened.truncate(whole.byteLength - 1));
  await rejects(world.settle(describeMetadata(file, clock)), { code: "CORRUPT_METADATA", message: /length/ });
});

test("the chunks of another snapshot under this head are seen", async () => {
  const [one, other] = [setting(), setting()];
  for (const [{ world, file, clock }, topic] of [
    [one, "orders-1"],
    [other, "orders-2"],
  ] as const) {
    const fixture = new ClusterFixture();
    fixture.createTopic(topic, [[1]]);
    await world.settle(snapshotMetadata(sourceOf(fixture, clock), file, { clock, wrote: () => undefined }));
  }
  const chunks = Buffer.from(other.disk.contents("backup.snapshot")).subarray(144);
  equal(chunks.byteLength, one.disk.contents("backup.snapshot").byteLength - 144);
  one.disk.overwrite("backup.snapshot", 144, chunks);
  await rejects(one.world.settle(describeMetadata(one.file, one.clock)), { code: "CORRUPT_METADATA", message: /checksum/ });
});

// docs/formats/snapshot.md, "A snapshot file": these bytes are on disks.
test("golden: the head of a snapshot file", () => {
  const header = { index: 7, clusterId: "cluster-1", stateHash: "ab".repeat(32), bytes: 300, madeMs: 1_700_000_000_000, crc: 0xdeadbeef };
  const id = `09${Buffer.from("cluster-1").toString("hex")}`.padEnd(136, "0");
  equal(
    Buffer.from(encodeSnapshotFileHeader(header)).toString("hex"),
    `544d514d46494c31000000010000000000000007${id}${"ab".repeat(32)}000000000000012c0000018bcfe56800deadbeef6e5a5842`,
  );
});
