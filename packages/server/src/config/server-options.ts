import { GiB, KiB, MiB } from "../base/units.ts";
import { REPLICATION_FACTOR_DEFAULT, REPLICATION_FACTOR_MAX, UPLOAD_WAL_USED_PERCENT, WAL_FILES_MAX, WAL_FILES_MIN } from "./limits.ts";
import { hostPorts, listeners, oneOf, someOf } from "./list-types.ts";
import { alone, byteSize, duration, hostPort, integer, name, objectStorage, onOff, path, regionName, serviceUrl } from "./option-types.ts";
import { counts, type ServerOption } from "./server-option.ts";

/** What a process of a cluster can be; it can be both. */
export const ROLES = ["broker", "controller"] as const;

/** Where the metadata log can lie. */
export const METADATA_LOGS = ["local", "object"] as const;

/** `tidemq start`, and the processes of a cluster. */
const EVERY = ["start", "broker", "controller"] as const;
/** Whoever serves Kafka clients. */
const SERVING = ["start", "broker"] as const;
const CLUSTER = ["broker", "controller"] as const;

/**
 * The only list of what a server can be told, and which of them: flags, keys of the file, variables of the environment, help, the files
 * of config/ and docs/reference/configuration.md are made from it.
 */
export const SERVER_OPTIONS = {
  nodeId: counts(
    CLUSTER,
    integer({
      name: "node-id",
      default: undefined,
      min: 1,
      max: 2 ** 31 - 1,
      doc: "The number of this node in its cluster. No other node has it, broker or controller, and it stays the same.",
    }),
    { requiredFor: CLUSTER },
  ),
  roles: counts(
    CLUSTER,
    someOf({
      name: "roles",
      values: ROLES,
      defaultText: "the command's",
      doc: "What this process does: `broker` serves clients, `controller` decides for the cluster. Both in one process: `broker,controller`.",
    }),
  ),
  rack: counts(
    ["broker"],
    name({
      name: "rack",
      defaultText: "none",
      doc: "Where this broker stands: a rack, a zone of a cloud. It is known to the cluster, and told to clients.",
    }),
  ),
  host: counts(
    ["broker"],
    name({
      name: "host-name",
      charsMax: 253,
      defaultText: "the machine's name",
      doc: "What this broker shares its fate with: a machine, a node of Kubernetes. Of two brokers of one host only one gets a replica of a partition.",
    }),
  ),
  data: counts(
    EVERY,
    path({
      name: "data",
      placeholder: "DIR",
      default: "./data",
      doc: "Folder of the write-ahead log and the metadata. Created when missing. A controller with metadata-log = object keeps nothing there.",
    }),
  ),
  listen: counts(
    SERVING,
    hostPort({
      name: "listen",
      default: { host: "localhost", port: 9092 },
      portMin: 0,
      doc: "Where Kafka clients connect. `localhost` is 127.0.0.1 and ::1; port 0 is any free one.",
    }),
  ),
  advertise: counts(
    SERVING,
    hostPort({
      name: "advertise",
      default: undefined,
      defaultText: "the address that the client reached",
      portMin: 1,
      doc: "The address that clients are told to use.",
    }),
    { defaultTextFor: { broker: "listen" } },
  ),
  listeners: counts(
    ["broker"],
    listeners({
      name: "listeners",
      defaultText: "one, of the name PLAINTEXT, made of listen and advertise",
      doc: "Where Kafka clients connect, when that is more than one place: each of the addresses tells its clients its own.",
    }),
  ),
  http: counts(
    EVERY,
    hostPort({
      name: "http",
      default: { host: "localhost", port: 9643 },
      portMin: 0,
      doc: "Where `/metrics`, `/health` and `/ready` are served. Port 0 is any free one.",
    }),
    { defaultFor: { controller: "localhost:9642" } },
  ),
  insecure: counts(
    EVERY,
    alone({
      name: "insecure",
      doc: "Allows listening beyond this machine, without encryption and for everybody.",
    }),
  ),
  controllers: counts(
    ["broker"],
    hostPorts({
      name: "controllers",
      defaultText: "none; with the role of controller, too, this process alone",
      doc: "The addresses of all controllers, of which the broker looks for the one that leads: their peer-advertise.",
    }),
  ),
  peerListen: counts(
    CLUSTER,
    hostPort({
      name: "peer-listen",
      default: { host: "localhost", port: 9093 },
      portMin: 0,
      doc: "Where the other brokers and controllers connect (gRPC). Port 0 is any free one.",
    }),
    { defaultFor: { controller: "localhost:9094" } },
  ),
  peerAdvertise: counts(
    CLUSTER,
    hostPort({
      name: "peer-advertise",
      default: undefined,
      defaultText: "peer-listen",
      portMin: 1,
      doc: "The address that the other brokers and controllers are told to use. Has to be given where peer-listen is all addresses (0.0.0.0).",
    }),
  ),
  peerCert: counts(
    CLUSTER,
    path({
      name: "peer-tls.cert",
      placeholder: "FILE",
      default: undefined,
      doc: "Certificate that this process shows to the others of the cluster, with those that issued it (PEM). Without it they talk in the clear.",
    }),
  ),
  peerKey: counts(
    CLUSTER,
    path({
      name: "peer-tls.key",
      placeholder: "FILE",
      default: undefined,
      doc: "Private key of that certificate (PEM).",
    }),
  ),
  peerCa: counts(
    CLUSTER,
    path({
      name: "peer-tls.ca",
      placeholder: "FILE",
      default: undefined,
      doc: "Certificates of the authorities (PEM), one of which must have issued those of the others.",
    }),
  ),
  metadataLog: counts(
    ["controller"],
    oneOf({
      name: "metadata-log",
      values: METADATA_LOGS,
      default: "object",
      doc: "What the cluster agrees on is kept in the bucket, which several controllers share (`object`), or in the data folder of the only one (`local`).",
    }),
  ),
  objectStorage: counts(
    EVERY,
    objectStorage({
      name: "object-storage",
      defaultText: "dir:DATA/objects",
      doc: "Where data lies in the end. See docs/object-storage.md.",
    }),
    { requiredFor: CLUSTER },
  ),
  s3Endpoint: counts(
    EVERY,
    serviceUrl({ name: "s3-endpoint", defaultText: "AWS", doc: "The service behind `s3://`, when it is not AWS." }),
  ),
  s3Region: counts(
    EVERY,
    regionName({
      name: "s3-region",
      defaultText: "AWS_REGION or the profile's; us-east-1 with s3-endpoint",
      doc: "The region of the bucket behind `s3://`.",
    }),
  ),
  s3PathStyle: counts(
    EVERY,
    onOff({
      name: "s3-path-style",
      default: undefined,
      defaultText: "on with s3-endpoint, else off",
      doc: "Whether the bucket's name stands in the path of requests, as most services other than AWS want it, rather than in the host.",
    }),
  ),
  gcsEndpoint: counts(
    EVERY,
    serviceUrl({
      name: "gcs-endpoint",
      defaultText: "Google's",
      doc: "The service behind `gs://`, for tests. Over plain http it is asked without credentials.",
    }),
  ),
  azureEndpoint: counts(
    EVERY,
    serviceUrl({
      name: "azure-endpoint",
      defaultText: "the account of AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT",
      doc: "The account behind `az://`, as in https://ACCOUNT.blob.core.windows.net.",
    }),
  ),
  uploadRateBytes: counts(
    SERVING,
    byteSize({
      name: "object-upload-rate",
      default: undefined,
      defaultText: "no limit",
      min: 64 * KiB,
      max: 1024 * GiB,
      doc: "Bytes a second that are sent to object storage, on average; one object may go at once.",
    }),
  ),
  downloadRateBytes: counts(
    SERVING,
    byteSize({
      name: "object-download-rate",
      default: undefined,
      defaultText: "no limit",
      min: 64 * KiB,
      max: 1024 * GiB,
      doc: "Bytes a second that are read from object storage, on average; one read may come at once.",
    }),
  ),
  sync: counts(
    SERVING,
    onOff({
      name: "sync",
      default: true,
      doc: "Whether an append is on the disk before it is acknowledged. Off: a power failure loses the last second; the death of the process does not.",
    }),
  ),
  fetchFromFollowers: counts(
    ["broker"],
    onOff({
      name: "fetch-from-followers",
      default: true,
      doc: "Whether a consumer that says its rack is sent to a replica there that is in sync, when the leader is in another one.",
    }),
  ),
  autoCreateTopics: counts(
    SERVING,
    onOff({
      name: "auto-create-topics",
      default: true,
      doc: "Whether a topic comes into being when a client that allows it asks for it by name.",
    }),
  ),
  defaultPartitions: counts(
    SERVING,
    integer({
      name: "default-partitions",
      default: 1,
      min: 1,
      max: 10_000,
      doc: "Partitions of a topic that is created without saying how many.",
    }),
  ),
  defaultReplicationFactor: counts(
    ["broker"],
    integer({
      name: "default-replication-factor",
      default: 1,
      min: 1,
      max: REPLICATION_FACTOR_MAX,
      doc: "Replicas of a topic that is created without saying how many; where brokers run on fewer hosts, one on each.",
    }),
    { defaultFor: { broker: String(REPLICATION_FACTOR_DEFAULT) } },
  ),
  walFileBytes: counts(
    SERVING,
    byteSize({
      name: "wal-file-size",
      default: 64 * MiB,
      min: 40 * MiB,
      max: 1 * GiB,
      doc: "Size of one file of the write-ahead log, a multiple of 4MiB. Says nothing about upload.",
    }),
    { defaultFor: { broker: "128MiB" } },
  ),
  walCapacityBytes: counts(
    SERVING,
    byteSize({
      name: "wal-capacity",
      default: 1 * GiB,
      min: 240 * MiB,
      max: 256 * GiB,
      doc: `All files of the write-ahead log together: how long writes go on when object storage is away. ${WAL_FILES_MIN} to ${WAL_FILES_MAX} files.`,
    }),
    { defaultFor: { broker: "10GiB" } },
  ),
  uploadBytes: counts(
    SERVING,
    byteSize({
      name: "upload-size",
      default: undefined,
      defaultText: "128MiB, at most a quarter of wal-capacity",
      min: 1 * MiB,
      max: 4 * GiB,
      doc: `Upload begins when so many bytes wait for it, and in any case when ${UPLOAD_WAL_USED_PERCENT} % of the write-ahead log is in use.`,
    }),
  ),
  uploadAgeMs: counts(
    SERVING,
    duration({
      name: "upload-age",
      default: 600_000,
      min: 1_000,
      max: 7 * 86_400_000,
      doc: "Upload begins when the oldest record that waits for it is so old.",
    }),
  ),
  retentionCheckMs: counts(
    SERVING,
    duration({
      name: "retention-check",
      default: 300_000,
      min: 1_000,
      max: 7 * 86_400_000,
      doc: "How often records that are older, or more, than their topic keeps are looked for.",
    }),
  ),
  writeMemoryBytes: counts(
    SERVING,
    byteSize({
      name: "write-memory",
      default: 256 * MiB,
      min: 64 * MiB,
      max: 64 * GiB,
      doc: "Memory for the newest records, which are served from there. Allocated as needed.",
    }),
    { defaultFor: { broker: "1GiB" } },
  ),
  readMemoryBytes: counts(
    SERVING,
    byteSize({
      name: "read-memory",
      default: 128 * MiB,
      min: 16 * MiB,
      max: 64 * GiB,
      doc: "Memory for records read back from object storage. Allocated as needed.",
    }),
    { defaultFor: { broker: "2GiB" } },
  ),
} as const satisfies Record<string, ServerOption<unknown>>;
