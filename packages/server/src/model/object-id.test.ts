import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { brokerPrefix, compareObjectIds, type ObjectId, objectKey, parseObjectKey, sameObjectId } from "./object-id.ts";

const id: ObjectId = { broker: 1, brokerEpoch: 42, sequence: 7, random: "00ff12ab34cd56ef" };
const cluster = "6PMpHYL9QkeyXRj9Nrp4KA";

test("keys begin with the cluster and the broker, and sort by sequence", () => {
  equal(objectKey(cluster, id, "records"), "6PMpHYL9QkeyXRj9Nrp4KA/data/1/42/000000000007-00ff12ab34cd56ef.records");
  ok(objectKey(cluster, id, "manifest").startsWith(brokerPrefix(cluster, 1)));
  const keys = [9, 10, 11, 100, 2].map((sequence) => objectKey(cluster, { ...id, sequence }, "records"));
  deepEqual(
    [...keys].sort().map((key) => parseObjectKey(key)?.id.sequence),
    [2, 9, 10, 11, 100],
  );
});

test("a key is parsed back, anything else is foreign", () => {
  for (const kind of ["records", "manifest"] as const)
    deepEqual(parseObjectKey(objectKey(cluster, id, kind)), { clusterId: cluster, id, kind });
  const key = objectKey(cluster, id, "records");
  const foreign = [
    "",
    "README",
    `${key}.tmp`,
    key.replace("/data/", "/meta/"),
    key.replace("records", "other"),
    key.replace("000000000007", "0000000000007"),
    key.replace("/1/", "/01/"),
  ];
  for (const other of foreign) equal(parseObjectKey(other), undefined, other);
});

test("the order of ids ignores chance, identity does not", () => {
  ok(compareObjectIds(id, { ...id, sequence: 8 }) < 0);
  ok(compareObjectIds(id, { ...id, brokerEpoch: 41, sequence: 8 }) > 0);
  ok(compareObjectIds({ ...id, broker: 2, brokerEpoch: 1 }, id) > 0);
  equal(compareObjectIds(id, { ...id, random: "0".repeat(16) }), 0);
  ok(sameObjectId(id, { ...id }));
  ok(!sameObjectId(id, { ...id, random: "0".repeat(16) }));
});

test("a name that could leave its place is a bug of the caller", () => {
  throws(() => objectKey("../x", id, "records"));
  throws(() => objectKey(cluster, { ...id, random: "../../../../../a" }, "records"));
});
