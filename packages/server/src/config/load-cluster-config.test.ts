import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GiB, MiB } from "../base/units.ts";
import { advertisedAddress } from "./addresses.ts";
import { ConfigError } from "./config-error.ts";
import { OPTION_KEYS, optionOf } from "./config-sources.ts";
import { loadClusterConfig } from "./load-config.ts";
import type { BrokerConfig, ClusterConfig, ControllerConfig, Role } from "./server-config.ts";
import { variableOf } from "./server-option.ts";

const BROKER = `node-id = 3
controllers = ["localhost:9094", "127.0.0.1:9194"]
object-storage = "s3://bucket/cluster"
`;
const CONTROLLER = `node-id = 101\nobject-storage = "s3://bucket/cluster"\n`;

function load(command: Role, file: string, args: readonly string[] = [], environment: Record<string, string> = {}): ClusterConfig {
  return loadClusterConfig(command, { args: [...args, "--config", "x.toml"], environment, readText: () => file });
}

function broker(file: string, args: readonly string[] = []): BrokerConfig {
  const found = load("broker", BROKER + file, args).broker;
  if (found === undefined) throw new Error("no broker");
  return found;
}

function controller(file: string, args: readonly string[] = []): ControllerConfig {
  const { controller: found } = load("controller", CONTROLLER + file, args);
  if (found === undefined) throw new Error("no controller");
  return found;
}

function problems(command: Role, file: string, environment: Record<string, string> = {}): readonly string[] {
  try {
    load(command, file, [], environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("a broker", () => {
  const config = broker(`rack = "eu-1a"\n`);
  deepEqual(config, {
    nodeId: 3,
    roles: ["broker"],
    rack: "eu-1a",
    data: "./data",
    listeners: [{ name: "PLAINTEXT", listen: { host: "localhost", port: 9092 }, advertise: undefined }],
    http: { host: "localhost", port: 9643 },
    insecure: false,
    controllers: [
      { host: "localhost", port: 9094 },
      { host: "127.0.0.1", port: 9194 },
    ],
    peer: { listen: { host: "localhost", port: 9093 }, advertise: undefined, tls: undefined },
    objectStorage: { kind: "s3", bucket: "bucket", prefix: "cluster/" },
    s3Endpoint: undefined,
    s3Region: undefined,
    s3PathStyle: false,
    gcsEndpoint: undefined,
    azureEndpoint: undefined,
    uploadRateBytes: undefined,
    downloadRateBytes: undefined,
    sync: true,
    autoCreateTopics: true,
    fetchFromFollowers: true,
    defaultPartitions: 1,
    defaultReplicationFactor: 3,
    host: undefined,
    walFileBytes: 128 * MiB,
    walCapacityBytes: 10 * GiB,
    uploadBytes: 128 * MiB,
    uploadAgeMs: 600_000,
    retentionCheckMs: 300_000,
    writeMemoryBytes: 1 * GiB,
    readMemoryBytes: 2 * GiB,
  });
  equal(load("broker", BROKER).controller, undefined);
});

test("a controller", () => {
  deepEqual(controller(""), {
    nodeId: 101,
    roles: ["controller"],
    data: "./data",
    http: { host: "localhost", port: 9642 },
    insecure: false,
    metadataLog: "object",
    peer: { listen: { host: "localhost", port: 9094 }, advertise: undefined, tls: undefined },
    objectStorage: { kind: "s3", bucket: "bucket", prefix: "cluster/" },
    s3Endpoint: undefined,
    s3Region: undefined,
    s3PathStyle: false,
    gcsEndpoint: undefined,
    azureEndpoint: undefined,
  });
  equal(load("controller", CONTROLLER).broker, undefined);
});

test("both roles in one process, by either command: each has what is its own", () => {
  const file = `${CONTROLLER}roles = ["controller", "broker"]\nmetadata-log = "local"\nrack = "r"\n`;
  for (const command of ["broker", "controller"] as const) {
    const both = load(command, file);
    deepEqual(
      [both.broker?.roles, both.controller?.roles],
      [
        ["broker", "controller"],
        ["broker", "controller"],
      ],
    );
    deepEqual([both.broker?.rack, both.controller?.metadataLog, both.broker?.nodeId], ["r", "local", 101]);
    deepEqual(both.broker?.controllers, [{ host: "localhost", port: 9093 }], "itself");
    equal(both.controller?.http.port, 9643);
  }
  const told = load("broker", `${file}peer-advertise = "node-1:9093"\n`);
  deepEqual(told.broker?.controllers, [{ host: "node-1", port: 9093 }]);
});

test("several listeners, in the file and as text", () => {
  const file = `[[listeners]]
name = "internal"
listen = "127.0.0.1:9092"
[[listeners]]
name = "EXTERNAL"
listen = "[::1]:0"
advertise = "kafka.example:19092"
`;
  const expected = [
    { name: "internal", listen: { host: "127.0.0.1", port: 9092 }, advertise: undefined },
    { name: "EXTERNAL", listen: { host: "::1", port: 0 }, advertise: { host: "kafka.example", port: 19_092 } },
  ];
  deepEqual(broker(file).listeners, expected);
  const text = "internal=127.0.0.1:9092, EXTERNAL=[::1]:0=kafka.example:19092";
  deepEqual(broker(`listeners = []`, ["--listeners", text]).listeners, expected);
  deepEqual(load("broker", BROKER, [], { TIDEMQ_LISTENERS: text }).broker?.listeners, expected);
});

test("what peers are told: the advertised address, else the one that it listens at", () => {
  const { peer } = broker(`peer-listen = "127.0.0.1:0"\n`);
  deepEqual(advertisedAddress(peer, 4711), { host: "127.0.0.1", port: 4711 });
  const told = broker(`insecure = true\npeer-listen = "0.0.0.0:9093"\npeer-advertise = "broker-3.example:19093"\n`);
  deepEqual(advertisedAddress(told.peer, 9093), { host: "broker-3.example", port: 19_093 });
});

test("mutual TLS between peers: three files, in a section, by variables or flags", () => {
  const tls = { cert: "a.crt", key: "a.key", ca: "ca.crt" };
  deepEqual(broker(`[peer-tls]\ncert = "a.crt"\nkey = "a.key"\nca = "ca.crt"\n`).peer.tls, tls);
  deepEqual(broker(`peer-tls.cert = "a.crt"\n`, ["--peer-tls.key", "a.key", "--peer-tls.ca=ca.crt"]).peer.tls, tls);
  const variables = { TIDEMQ_PEER_TLS__CERT: "a.crt", TIDEMQ_PEER_TLS__KEY: "a.key", TIDEMQ_PEER_TLS__CA: "ca.crt" };
  deepEqual(load("controller", CONTROLLER, [], variables).controller?.peer.tls, tls);
  const far = broker(`peer-listen = "10.0.0.3:9093"\n[peer-tls]\ncert = "a.crt"\nkey = "a.key"\nca = "ca.crt"\n`);
  equal(far.peer.listen.host, "10.0.0.3");
});

// Command, file, the one problem.
const REFUSED: readonly (readonly [Role, string, RegExp])[] = [
  [
    "broker",
    `${BROKER}[[listeners]]\nname = "a"\nlisten = "localhost:1"\nport = 3`,
    /^listeners\[0\]\.port = 3 \(x\.toml:7\): must be one of the keys name, listen, adv/,
  ],
  ["broker", `${BROKER}[[listeners]]\nname = "a"\n\nlisten = "x"`, /^listeners\[0\]\.listen = "x" \(x\.toml:7\): must be HOST:PORT/],
  ["broker", `${BROKER}[[listeners]]\nname = "a"`, /^listeners\[0\]\.listen = nothing \(x\.toml:4\): must be HOST:PORT/],
  [
    "broker",
    `${BROKER}[[listeners]]\nname = "a b"\nlisten = "localhost:1"`,
    /^listeners\[0\]\.name = "a b" \(x\.toml:5\): must be 1 to 64 of/,
  ],
  ["broker", `${BROKER}listeners = ["a"]`, /^listeners\[0\] = "a" \(x\.toml:4\): must be a name, where it listens/],
  ["broker", `${BROKER}listeners = []`, /^listeners = \[\] \(x\.toml:4\): must be 1 to 16, of different names/],
  [
    "broker",
    `${BROKER}listeners = [{ name = "a", listen = "localhost:1" }, { name = "A", listen = "localhost:2" }]`,
    /^listeners = .*must be 1 to 16, of different names/,
  ],
  [
    "broker",
    `${BROKER}listen = "localhost:1"\n[[listeners]]\nname = "a"\nlisten = "localhost:2"`,
    /^listen = "localhost:1" \(x\.toml:4\): is the short form of one listener\. listeners = .*give one of them$/,
  ],
  ["broker", BROKER.replace("localhost:9094", "localhost"), /^controllers\[0\] = "localhost" \(x\.toml:2\): must be HOST:PORT/],
  ["broker", BROKER.replace(/controllers.*/, ""), /^controllers: missing\. Must be the addresses of the controllers/],
  ["broker", BROKER.replace(/controllers.*/, "controllers = []"), /^controllers = \[\] \(x\.toml:2\): must be 1 to 16 of HOST:PORT/],
  ["broker", BROKER.replace(/controllers.*/, `controllers = ["a:1", "a:1"]\ninsecure = true`), /^controllers = .*each once/],
  ["broker", BROKER.replace("node-id = 3", ""), /^node-id: missing\. Must be a whole number, 1 to 2147483647$/],
  ["controller", CONTROLLER.replace("101", "0"), /^node-id = 0 \(x\.toml:1\): must be a whole number/],
  ["controller", CONTROLLER.replace(/object-storage.*/, ""), /^object-storage: missing\. Must be dir:PATH/],
  [
    "broker",
    `${BROKER}metadata-log = "local"`,
    /^metadata-log = "local" \(x\.toml:4\): is for the controller role, not for the broker role$/,
  ],
  ["controller", `${CONTROLLER}rack = "r"`, /^rack = "r" \(x\.toml:3\): is for the broker role, not for the controller role$/],
  [
    "controller",
    `${CONTROLLER}wal-capacity = "1GiB"`,
    /^wal-capacity = .* is for tidemq start and the broker role, not for the controller role$/,
  ],
  ["controller", `${CONTROLLER}metadata-log = "raft"`, /^metadata-log = "raft" \(x\.toml:3\): must be local or object$/],
  [
    "controller",
    `${CONTROLLER}roles = ["broker"]`,
    /^roles = \["broker"\] \(x\.toml:3\): must have controller among them, since this is tidemq controller$/,
  ],
  ["controller", `${CONTROLLER}roles = ["leader"]`, /^roles = \["leader"\] \(x\.toml:3\): must be some of broker, controller, each once/],
  ["controller", `${CONTROLLER}[peer-tls]\ncert = "a"`, /^peer-tls\.cert = "a" \(x\.toml:4\): .* belong together, and two are missing$/],
  ["controller", `${CONTROLLER}peer-tls = "a"`, /^peer-tls \(x\.toml:3\): must be a section \[peer-tls\] of cert, key, ca$/],
  ["controller", `${CONTROLLER}[peer-tls]\ncret = "a"`, /^peer-tls\.cret \(x\.toml:4\): no such option\. Meant: peer-tls\.cert\?$/],
  ["controller", `${CONTROLLER}"peer-tls.cert" = "a"`, /^peer-tls\.cert \(x\.toml:3\): no such option/],
  ["controller", `${CONTROLLER}node.rack = 1`, /^node\.rack \(x\.toml:3\): no such option/],
  ["broker", `${BROKER}peer_listen = "localhost:1"`, /^peer_listen \(x\.toml:4\): no such option\. Meant: peer-listen\?$/],
  [
    "controller",
    `${CONTROLLER}peer-listen = "10.0.0.1:9094"`,
    /^peer-listen = .*: reaches beyond this machine, in the clear\. Set peer-tls\.cert, /,
  ],
  [
    "broker",
    BROKER.replace("127.0.0.1:9194", "controller-2:9094"),
    /^controllers\[1\] = "controller-2:9094" \(x\.toml:2\): reaches beyond this machine, in the clear/,
  ],
  [
    "controller",
    `${CONTROLLER}insecure = true\npeer-listen = "0.0.0.0:9094"`,
    /^peer-listen = .*: nobody can connect to 0\.0\.0\.0\. Set peer-advertise/,
  ],
  ["broker", `${BROKER}insecure = true\nlisten = "[::]:9092"`, /^listen = .*: nobody can connect to ::\. Set advertise to/],
  [
    "broker",
    `${BROKER}insecure = true\n[[listeners]]\nname = "a"\nlisten = "0.0.0.0:1"`,
    /^listeners\[0\]\.listen = "0\.0\.0\.0:1" \(x\.toml:7\): nobody can connect/,
  ],
  [
    "broker",
    `${BROKER}http = "localhost:9092"`,
    /^http = "localhost:9092" \(x\.toml:4\): is taken by listen = localhost:9092 \(default\)$/,
  ],
  [
    "broker",
    `${BROKER}http = "127.0.0.1:9093"`,
    /^peer-listen = localhost:9093 \(default\): is taken by http = "127\.0\.0\.1:9093" \(x\.toml:4\)$/,
  ],
  [
    "broker",
    `${BROKER}wal-capacity = "600MiB"`,
    /^wal-capacity = "600MiB" \(x\.toml:4\), wal-file-size = 128MiB \(default\): the capacity must hold 6 to 500 files, not 4$/,
  ],
];

for (const [command, file, expected] of REFUSED) {
  test(`a ${command} is refused: ${file.split("\n").join(" ")}`, () => {
    const found = problems(command, file);
    equal(found.length, 1, found.join("\n"));
    match(found[0] ?? "", expected);
  });
}

test("both roles, and no way to know where the controller is, or several controllers over a log of one", () => {
  const both = `${CONTROLLER}roles = ["broker", "controller"]\n`;
  match(problems("broker", `${both}peer-listen = "localhost:0"`).join(), /^peer-listen = .*any free port.* give it and controllers$/);
  const several = `${both}metadata-log = "local"\ncontrollers = ["localhost:9093", "localhost:9094"]`;
  match(
    problems("broker", several).join(),
    /^metadata-log = "local" \(x\.toml:4\): is the log of the only controller\. controllers = .* names several$/,
  );
});

test("relations are told beside refused values, except of what was refused", () => {
  const both = problems("broker", `${BROKER}data = 1\nwal-file-size = "50MiB"\nupload-age = "1y"\n`);
  deepEqual(
    both.map((problem) => problem.split(" ")[0]),
    ["data", "upload-age", "wal-file-size"],
  );
  const one = problems("broker", `${BROKER}insecure = true\npeer-listen = "0.0.0.0:9093"\npeer-advertise = "x"\n`);
  deepEqual(
    one.map((problem) => problem.split(" ")[0]),
    ["peer-advertise"],
  );
  const others = problems("controller", `${CONTROLLER}listen = "localhost:1"\nhttp = "0.0.0.0:1"\n`);
  deepEqual(
    others.map((problem) => problem.split(" ")[0]),
    ["listen", "http"],
  );
});

test("of a file that cannot be read nothing is said to be missing", () => {
  match(problems("broker", "node-id = ").join("\n"), /^x\.toml:1:\d+: [^\n]+$/);
});

test("any free port may be wanted twice, and all addresses of a machine are taken by one", () => {
  equal(broker(`listen = "localhost:0"\nhttp = "localhost:0"\npeer-listen = "localhost:0"\n`).peer.listen.port, 0);
  const all = `insecure = true\nlisten = "0.0.0.0:9000"\nadvertise = "a:9000"\nhttp = "localhost:9000"`;
  match(
    problems("broker", BROKER + all).join(),
    /^http = "localhost:9000" \(x\.toml:7\): is taken by listen = "0\.0\.0\.0:9000" \(x\.toml:5\)$/,
  );
});

test("lists have a limit, and nothing twice", () => {
  const many = Array.from({ length: 17 }, (_, at) => `"localhost:${at + 1}"`).join(", ");
  match(problems("broker", BROKER.replace(/controllers.*/, `controllers = [${many}]`)).join(), /^controllers = .*1 to 16 of/);
  match(problems("broker", `${BROKER}roles = ["broker", "broker"]`).join(), /^roles = .*each once/);
  match(
    problems("broker", BROKER, { TIDEMQ_LISTENERS: "a=localhost:1=b:2=c" }).join(),
    /^listeners\[0\] = "a=localhost:1=b:2=c" \(environment TIDEMQ_LISTENERS\)/,
  );
});

test("names of Kafka lead to ours", () => {
  const file = `log.dirs = "x"\nadvertised.listeners = "x"\nBROKER_ID = 1\ncontroller.quorum.voters = "x"\n`;
  const found = problems("broker", file + BROKER.replace("node-id = 3", "node.id = 3"), { TIDEMQ_NUM_PARTITIONS: "3" });
  deepEqual(
    found.map((problem) => /^(\S+) \(.*Meant: (\S+)\?$/.exec(problem)?.slice(1).join(" → ")).filter((meant) => meant !== undefined),
    [
      "TIDEMQ_NUM_PARTITIONS → TIDEMQ_DEFAULT_PARTITIONS",
      "log.dirs → data",
      "advertised.listeners → advertise",
      "BROKER_ID → node-id",
      "controller.quorum.voters → controllers",
      "node.id → node-id",
    ],
  );
});

test("what a message shows is bounded", () => {
  const unknown = Array.from({ length: 60 }, (_, at) => `unknown-${at} = 1\n`).join("");
  const long = `${"a".repeat(100_000)} = 1\nrack = "${"b".repeat(100_000)}"\n`;
  throws(
    () => load("broker", BROKER + unknown + long),
    (error: Error) => {
      match(error.message, /has 62 problems:\n[^]*\n {2}and 12 more$/);
      return true;
    },
  );
  const [name = "", value = ""] = problems("broker", BROKER + long);
  match(name, /^a{64}… \(x\.toml:4\): no such option\. There are: node-id, /);
  match(value, /^rack = "b{199}… \(x\.toml:5\): must be 1 to 64/);
});

test("all problems of all places in one message", () => {
  const environment = { TIDEMQ_NODE_ID: "x", TIDEMQ_RAKC: "r", TIDEMQ_METADATA_LOG: "local" };
  const load = () =>
    loadClusterConfig("broker", { args: ["--sync", "maybe", "--config", "x.toml"], environment, readText: () => `data = 1\n` });
  throws(load, (error: Error) => {
    match(error.message, /has 7 problems:\n/);
    for (const part of [
      "node-id = x (environment TIDEMQ_NODE_ID): must be a whole number",
      "TIDEMQ_RAKC (environment): no such option. Meant: TIDEMQ_RACK?",
      "metadata-log = local (environment TIDEMQ_METADATA_LOG): is for the controller role",
      "sync = maybe (command line): must be on or off",
      "data = 1 (x.toml:1): must be a path",
      "object-storage: missing",
      "controllers: missing",
    ])
      equal(error.message.includes(`\n  ${part}`), true, `${part} in\n${error.message}`);
    return true;
  });
});

test("nothing that may be secret is shown", () => {
  const file = `${BROKER}s3-endpoint = "https://user:hush@a/?x=hush#hush"
azure-endpoint = "AccountName=a;AccountKey=hush+hush/=;SharedAccessSignature=hush"
gcs-endpoint = "http://token:hush@b"
password = "hush"
[peer-tls]
key = """-----BEGIN PRIVATE KEY-----
hush"""
`.replace("s3://bucket/cluster", "s3://id:hush@bucket");
  const found = problems("broker", file, { TIDEMQ_SECRET_KEY: "hush" });
  equal(found.length, 7, found.join("\n"));
  equal(found.join("\n").includes("hush"), false, found.join("\n"));
});

test("whatever stands in a file, a variable or a flag: a configuration, or every problem", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "true",
      "-1",
      "0x10",
      "9223372036854775807",
      "99999999999999999999",
      "nan",
      "inf",
      "1e400",
      "1979-05-27",
      "07:32:00",
      "[]",
      "{}",
    ),
    fc.constantFrom(
      `[[]]`,
      `[{}]`,
      `[1, "a:1"]`,
      `{ a = { b = 1 } }`,
      `[{ name = 1, listen = [], advertise = {} }]`,
      `""`,
      `"localhost:1"`,
      `"__proto__"`,
    ),
    fc.string().map((text) => JSON.stringify(text)),
  );
  const name = fc.oneof(
    fc.constantFrom(...OPTION_KEYS.map((key) => optionOf(key).name)),
    fc.constantFrom("__proto__", "a.b", "peer-tls", '"x y"'),
  );
  const lines = fc.array(fc.tuple(name, piece), { maxLength: 5 });
  const text = fc.string({ maxLength: 20 });
  fc.assert(
    fc.property(lines, name, text, fc.constantFrom("broker", "controller"), (given, flag, value, command) => {
      const file = given.map(([key, toml]) => `${key} = ${toml}\n`).join("");
      const attempt = (): unknown => load(command, file, [`--${flag}=${value}`], { [variableOf(flag)]: value });
      try {
        ok(attempt());
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        ok(
          error.problems.every((problem) => problem.length > 10 && !problem.includes("undefined")),
          error.message,
        );
      }
    }),
    { seed: 11, numRuns: 2_000 },
  );
});
