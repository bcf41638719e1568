import { equal } from "node:assert/strict";
import { test } from "node:test";
import { CLUSTER_KEY, encodeClusterKey } from "../model/cluster-key.ts";
import { SimObjectStore } from "../testing/sim-io/object-store.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { foreignKey } from "./bucket-owner.ts";

test("the objects of another cluster are seen, wherever they sort", async () => {
  const world = new SimWorld(1);
  const bucket = new SimObjectStore(world, "bucket");
  const store = bucket.connect(world.startProcess("broker"));
  const look = () => world.settle(foreignKey(store, "mine"));
  equal(await look(), undefined);
  bucket.overwrite("mine/data/1/2/000000000001-0123456789abcdef.records", new Uint8Array(1));
  bucket.overwrite("mine/meta/log/1", new Uint8Array(1));
  equal(await look(), undefined);
  for (const other of ["another/data/1", "min/data", "mine-too/data/1", "mine.x", "mineZ/data/1", "mine0/data/1", "zebra/data/1"]) {
    bucket.overwrite(other, new Uint8Array(1));
    equal(await look(), other);
    bucket.remove(other);
  }
});

test("the key that says whose the bucket is: passed over when it names this cluster, else it is what is named", async () => {
  for (const mine of ["mine", "zebra", "tidemq-cluste", "tidemq-cluster-2"]) {
    const world = new SimWorld(1);
    const bucket = new SimObjectStore(world, "bucket", { corruptReadRatio: 0.2 });
    const store = bucket.connect(world.startProcess("broker"));
    const look = () => world.settle(foreignKey(store, mine));
    bucket.overwrite(CLUSTER_KEY, encodeClusterKey({ clusterId: mine, isElsewhere: false, base: undefined }));
    equal(await look(), undefined);
    bucket.overwrite(`${mine}/data/1/2/000000000001-0123456789abcdef.records`, new Uint8Array(1));
    equal(await look(), undefined);
    for (const other of ["another/data/1", "tidemq-cluster.x/data", "tidemq-clustes/data/1", "zz/data/1"]) {
      bucket.overwrite(other, new Uint8Array(1));
      equal(await look(), other, `${mine} beside ${other}`);
      bucket.remove(other);
    }
    bucket.overwrite(CLUSTER_KEY, encodeClusterKey({ clusterId: "another", isElsewhere: false, base: undefined }));
    equal(await look(), CLUSTER_KEY);
    bucket.overwrite(CLUSTER_KEY, new Uint8Array(100));
    equal(await look(), CLUSTER_KEY);
  }
});
