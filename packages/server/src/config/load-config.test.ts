import { deepEqual, equal, match, throws } from "node:assert/strict";
import { test } from "node:test";
import { GiB, MiB } from "../base/units.ts";
import { bindHosts, isLoopback } from "./addresses.ts";
import { ConfigError } from "./config-error.ts";
import { flagsFor, loadStartConfig } from "./load-config.ts";
import type { StartConfig } from "./server-config.ts";
import { SERVER_OPTIONS } from "./server-options.ts";

function load(args: string, file?: string): StartConfig {
  const words = args === "" ? [] : args.split(" ");
  return loadStartConfig({
    args: file === undefined ? words : [...words, "--config", "x.toml"],
    environment: {},
    readText: () => file ?? "",
  });
}

function problems(args: string, file?: string): readonly string[] {
  try {
    load(args, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("defaults", () => {
  deepEqual(load(""), {
    nodeId: 1,
    roles: ["broker", "controller"],
    rack: "",
    metadataLog: "local",
    data: "./data",
    listeners: [{ name: "PLAINTEXT", listen: { host: "localhost", port: 9092 }, advertise: undefined }],
    http: { host: "localhost", port: 9643 },
    objectStorage: { kind: "dir", path: "./data/objects" },
    s3Endpoint: undefined,
    s3Region: undefined,
    s3PathStyle: false,
    gcsEndpoint: undefined,
    azureEndpoint: undefined,
    uploadRateBytes: undefined,
    downloadRateBytes: undefined,
    sync: true,
    insecure: false,
    autoCreateTopics: true,
    fetchFromFollowers: true,
    defaultPartitions: 1,
    defaultReplicationFactor: 1,
    host: undefined,
    walFileBytes: 64 * MiB,
    walCapacityBytes: 1 * GiB,
    uploadBytes: 128 * MiB,
    uploadAgeMs: 600_000,
    retentionCheckMs: 300_000,
    writeMemoryBytes: 256 * MiB,
    readMemoryBytes: 128 * MiB,
  });
});

test("where objects lie", () => {
  const storage = (text: string) => load(`--object-storage ${text}`).objectStorage;
  deepEqual(storage("s3://my.bucket-1"), { kind: "s3", bucket: "my.bucket-1", prefix: "" });
  deepEqual(storage("s3://bucket/"), { kind: "s3", bucket: "bucket", prefix: "" });
  deepEqual(storage("gs://bucket/a/b.c"), { kind: "gs", bucket: "bucket", prefix: "a/b.c/" });
  deepEqual(storage("az://container/a/"), { kind: "az", bucket: "container", prefix: "a/" });
  for (const text of [
    "s3:bucket",
    "s3://",
    "s3://B",
    "s3://b/../c",
    "s3://b//c",
    "s3://bucket/.hidden",
    "s3://user:secret@bucket",
    "https://b",
  ]) {
    equal(problems(`--object-storage ${text}`).length, 1, text);
  }
});

test("how a bucket is reached", () => {
  const own = load("--object-storage s3://bucket --s3-endpoint http://127.0.0.1:9000 --s3-region eu-1 --object-upload-rate 10MiB");
  deepEqual([own.s3Endpoint, own.s3Region, own.s3PathStyle], ["http://127.0.0.1:9000", "eu-1", true]);
  deepEqual([own.uploadRateBytes, own.downloadRateBytes], [10 * MiB, undefined]);
  equal(load("--object-storage s3://bucket --s3-endpoint https://s3.example --s3-path-style off").s3PathStyle, false);
  for (const url of ["ftp://a", "https://user:secret@a", "https://a?sig=secret", "a:9000"]) {
    equal(problems(`--object-storage s3://bucket --s3-endpoint ${url}`).length, 1, url);
  }
  match(problems("--s3-endpoint https://a").join(), /only with object-storage = s3:\/\//);
});

test("flags in both forms, and what follows from others", () => {
  const config = load("--data d --listen=0.0.0.0:0 --http [::1]:1 --insecure --sync off --wal-capacity 384MiB --upload-age 90s");
  equal(config.data, "d");
  deepEqual(config.listeners, [{ name: "PLAINTEXT", listen: { host: "0.0.0.0", port: 0 }, advertise: undefined }]);
  deepEqual(config.http, { host: "::1", port: 1 });
  equal(config.sync, false);
  equal(config.walCapacityBytes, 384 * MiB);
  equal(config.uploadBytes, 96 * MiB);
  equal(config.uploadAgeMs, 90_000);
  deepEqual(config.objectStorage, { kind: "dir", path: "d/objects" });
});

test("a flag wins over the file, the file over the default", () => {
  const file = `data = "of-file"\nsync = false\ndefault-partitions = 7\nwal-file-size = "128MiB"\ninsecure = true\n`;
  const config = load("--data of-flag", file);
  deepEqual(
    [config.data, config.sync, config.defaultPartitions, config.walFileBytes, config.insecure],
    ["of-flag", false, 7, 128 * MiB, true],
  );
});

// Flags, file, the one problem.
const REFUSED: readonly (readonly [string, string | undefined, RegExp])[] = [
  ["--dta x", undefined, /^--dta: no such option\. Meant: --data\?$/],
  ["--unheard-of x", undefined, /^--unheard-of: no such option\. There are: --data, .*--config$/],
  ["topic", undefined, /^topic: only flags are expected here/],
  ["--data", undefined, /^--data: a value is missing\. Allowed: a path/],
  ["--listen --insecure", undefined, /^--listen: a value is missing/],
  ["--listen 9092", undefined, /^listen = 9092 \(command line\): must be HOST:PORT/],
  ["--listen localhost:65536", undefined, /^listen = localhost:65536 \(command line\): must be/],
  ["--advertise host:0", undefined, /^advertise = host:0 \(command line\): must be .* port 1 to 65535/],
  ["--sync yes", undefined, /^sync = yes \(command line\): must be on or off/],
  ["--insecure=1", undefined, /^insecure = 1 \(command line\): must be no value/],
  ["--object-storage s3://x", undefined, /^object-storage = s3:\/\/x \(command line\): must be dir:PATH/],
  ["--default-partitions 0", undefined, /^default-partitions = 0 \(command line\): must be a whole number, 1 to 10000/],
  ["--default-partitions 1.5", undefined, /^default-partitions = 1\.5 \(command line\): must be/],
  ["--wal-file-size 64", undefined, /^wal-file-size = 64 \(command line\): must be a size with unit .*, 40MiB to 1GiB/],
  ["--wal-file-size 64MB", undefined, /^wal-file-size = 64MB \(command line\): must be/],
  ["--upload-age 5", undefined, /^upload-age = 5 \(command line\): must be a time with unit ms, s, m, h or d, 1s to 7d/],
  ["--wal-file-size 41MiB", undefined, /^wal-file-size = 41MiB \(command line\): must be a multiple of 4MiB/],
  [
    "--wal-capacity 256MiB",
    undefined,
    /^wal-capacity = 256MiB \(command line\), wal-file-size = 64MiB \(default\): .* 6 to 500 files, not 4/,
  ],
  ["--upload-size 512MiB", undefined, /^upload-size = 512MiB \(command line\): must not exceed 40 % of wal-capacity = 1GiB \(default\)/],
  ["--listen 0.0.0.0:9092", undefined, /^listen = 0\.0\.0\.0:9092 \(command line\): reaches beyond this machine.*with --insecure/],
  ["--http [::]:9643", undefined, /^http = \[::\]:9643 \(command line\): reaches beyond this machine/],
  ["", `dta = "x"`, /^dta \(x\.toml:1\): no such option\. Meant: data\?$/],
  ["", `# c\n\ndefault-partitions = "3"`, /^default-partitions = "3" \(x\.toml:3\): must be a whole number/],
  ["", `data = "a\\nb"`, /^data = "a\\nb" \(x\.toml:1\): must be a path/],
  ["", `data = ""`, /^data = "" \(x\.toml:1\): must be a path/],
  ["", `sync = "off"`, /^sync = "off" \(x\.toml:1\): must be/],
  ["", `wal-file-size = 67108864`, /^wal-file-size = 67108864 \(x\.toml:1\): must be a size with unit/],
  ["", `[listen]\nport = 1`, /^listen = \{"port":1\} \(x\.toml:1\): must be HOST:PORT/],
  ["", `config = "y.toml"`, /^config \(x\.toml:1\): no such option/],
  ["", `__proto__ = 1`, /^__proto__ \(x\.toml:1\): no such option/],
  ["", `data = "a"\ndata = "b"`, /^x\.toml:2:\d+: /],
  ["", `data = `, /^x\.toml:1:\d+: /],
];

for (const [args, file, expected] of REFUSED) {
  test(`refuses ${args} ${file ?? ""}`, () => {
    const found = problems(args, file);
    equal(found.length, 1, found.join("\n"));
    match(found[0] ?? "", expected);
  });
}

test("all problems in one message", () => {
  const found = problems("--sync maybe --nope", `listen = 5\nupload-age = "1y"`);
  equal(found.length, 4, found.join("\n"));
  throws(() => load("--sync maybe --default-partitions x"), /has 2 problems:\n {2}sync = maybe.*\n {2}default-partitions = x/);
});

test("a file that cannot be read is named", () => {
  const read = () => {
    throw new Error("no such file");
  };
  throws(() => loadStartConfig({ args: ["--config", "y.toml"], environment: {}, readText: read }), /--config y\.toml: no such file/);
});

test("loopback", () => {
  deepEqual(bindHosts({ host: "localhost", port: 0 }), ["127.0.0.1", "::1"]);
  deepEqual(bindHosts({ host: "10.0.0.1", port: 0 }), ["10.0.0.1"]);
  deepEqual(["127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "127.evil.com", "1127.0.0.1"].map(isLoopback), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("names are unique, and each default is one that could be given", () => {
  const names = flagsFor(["start", "broker", "controller"]).map((flag) => flag.name);
  equal(new Set(names).size, names.length);
  const { walFileBytes, uploadAgeMs, listen, sync } = SERVER_OPTIONS;
  deepEqual(walFileBytes.read(walFileBytes.defaultText), walFileBytes.default);
  deepEqual(uploadAgeMs.read(uploadAgeMs.defaultText), uploadAgeMs.default);
  deepEqual(listen.read(listen.defaultText), listen.default);
  deepEqual(sync.read(sync.fromText(sync.defaultText)), sync.default);
});
