import { GiB, KiB, MiB } from "../base/units.ts";
import { UPLOAD_WAL_USED_PERCENT, UPLOAD_WAL_USED_RATIO } from "./limits.ts";
import {
  alone,
  byteSize,
  duration,
  formatByteSize,
  formatHostPort,
  type HostPort,
  hostPort,
  integer,
  type ObjectStorage,
  type Option,
  objectStorage,
  onOff,
  path,
  regionName,
  serviceUrl,
} from "./option-types.ts";

/** A slab is a window of a file, so files are a whole number of them. */
const WAL_FILE_STEP_BYTES = 4 * MiB;
/** Below six files nothing is left beside the reserve; a file's header names at most 500. */
const WAL_FILES_MIN = 6;
const WAL_FILES_MAX = 500;

/** The only list of what `tidemq start` can be told: flags, keys of the file, help and docs/reference/configuration.md are made from it. */
export const START_OPTIONS = {
  data: path({
    name: "data",
    placeholder: "DIR",
    default: "./data",
    doc: "Folder of the write-ahead log and the metadata. Created when missing.",
  }),
  listen: hostPort({
    name: "listen",
    default: { host: "localhost", port: 9092 },
    portMin: 0,
    doc: "Where Kafka clients connect. `localhost` is 127.0.0.1 and ::1; port 0 is any free one.",
  }),
  advertise: hostPort({
    name: "advertise",
    default: undefined,
    defaultText: "the address that the client reached",
    portMin: 1,
    doc: "The address that clients are told to use.",
  }),
  http: hostPort({
    name: "http",
    default: { host: "localhost", port: 9643 },
    portMin: 0,
    doc: "Where `/metrics`, `/health` and `/ready` are served. Port 0 is any free one.",
  }),
  objectStorage: objectStorage({
    name: "object-storage",
    defaultText: "dir:DATA/objects",
    doc: "Where data lies in the end. See docs/object-storage.md.",
  }),
  s3Endpoint: serviceUrl({ name: "s3-endpoint", defaultText: "AWS", doc: "The service behind `s3://`, when it is not AWS." }),
  s3Region: regionName({
    name: "s3-region",
    defaultText: "AWS_REGION or the profile's; us-east-1 with s3-endpoint",
    doc: "The region of the bucket behind `s3://`.",
  }),
  s3PathStyle: onOff({
    name: "s3-path-style",
    default: undefined,
    defaultText: "on with s3-endpoint, else off",
    doc: "Whether the bucket's name stands in the path of requests, as most services other than AWS want it, rather than in the host.",
  }),
  gcsEndpoint: serviceUrl({
    name: "gcs-endpoint",
    defaultText: "Google's",
    doc: "The service behind `gs://`, for tests. Over plain http it is asked without credentials.",
  }),
  azureEndpoint: serviceUrl({
    name: "azure-endpoint",
    defaultText: "the account of AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT",
    doc: "The account behind `az://`, as in https://ACCOUNT.blob.core.windows.net.",
  }),
  uploadRateBytes: byteSize({
    name: "object-upload-rate",
    default: undefined,
    defaultText: "no limit",
    min: 64 * KiB,
    max: 1024 * GiB,
    doc: "Bytes a second that are sent to object storage, on average; one object may go at once.",
  }),
  downloadRateBytes: byteSize({
    name: "object-download-rate",
    default: undefined,
    defaultText: "no limit",
    min: 64 * KiB,
    max: 1024 * GiB,
    doc: "Bytes a second that are read from object storage, on average; one read may come at once.",
  }),
  sync: onOff({
    name: "sync",
    default: true,
    doc: "Whether an append is on the disk before it is acknowledged. Off: a power failure loses the last second; the death of the process does not.",
  }),
  insecure: alone({
    name: "insecure",
    doc: "Allows listening beyond this machine, without encryption and for everybody.",
  }),
  autoCreateTopics: onOff({
    name: "auto-create-topics",
    default: true,
    doc: "Whether a topic comes into being when a client that allows it asks for it by name.",
  }),
  defaultPartitions: integer({
    name: "default-partitions",
    default: 1,
    min: 1,
    max: 10_000,
    doc: "Partitions of a topic that is created without saying how many.",
  }),
  walFileBytes: byteSize({
    name: "wal-file-size",
    default: 64 * MiB,
    min: 40 * MiB,
    max: 1 * GiB,
    doc: "Size of one file of the write-ahead log, a multiple of 4MiB. Says nothing about upload.",
  }),
  walCapacityBytes: byteSize({
    name: "wal-capacity",
    default: 1 * GiB,
    min: 240 * MiB,
    max: 256 * GiB,
    doc: `All files of the write-ahead log together: how long writes go on when object storage is away. ${WAL_FILES_MIN} to ${WAL_FILES_MAX} files.`,
  }),
  uploadBytes: byteSize({
    name: "upload-size",
    default: undefined,
    defaultText: "128MiB, at most a quarter of wal-capacity",
    min: 1 * MiB,
    max: 4 * GiB,
    doc: `Upload begins when so many bytes wait for it, and in any case when ${UPLOAD_WAL_USED_PERCENT} % of the write-ahead log is in use.`,
  }),
  uploadAgeMs: duration({
    name: "upload-age",
    default: 600_000,
    min: 1_000,
    max: 7 * 86_400_000,
    doc: "Upload begins when the oldest record that waits for it is so old.",
  }),
  retentionCheckMs: duration({
    name: "retention-check",
    default: 300_000,
    min: 1_000,
    max: 7 * 86_400_000,
    doc: "How often records that are older, or more, than their topic keeps are looked for.",
  }),
  writeMemoryBytes: byteSize({
    name: "write-memory",
    default: 256 * MiB,
    min: 64 * MiB,
    max: 64 * GiB,
    doc: "Memory for the newest records, which are served from there. Allocated as needed.",
  }),
  readMemoryBytes: byteSize({
    name: "read-memory",
    default: 128 * MiB,
    min: 16 * MiB,
    max: 64 * GiB,
    doc: "Memory for records read back from object storage. Allocated as needed.",
  }),
} as const satisfies Record<string, Option<unknown>>;

export type StartOptionKey = keyof typeof START_OPTIONS;
type Given = { readonly [K in StartOptionKey]: (typeof START_OPTIONS)[K] extends Option<infer T> ? T : never };

/** What `tidemq start` runs with. Sizes in bytes, times in milliseconds. */
export type StartConfig = Readonly<Omit<Given, Settled | Unset>> &
  Readonly<{ objectStorage: ObjectStorage; s3PathStyle: boolean; uploadBytes: number }> &
  Readonly<{ [K in Unset]: Given[K] | undefined }>;

/** Have no default of their own: they follow from others, or stay undefined. */
type Settled = "objectStorage" | "s3PathStyle" | "uploadBytes";
type Unset = "s3Endpoint" | "s3Region" | "gcsEndpoint" | "azureEndpoint" | "uploadRateBytes" | "downloadRateBytes";

/** Fills in what follows from other options. */
export function settle(given: Given): StartConfig {
  return {
    ...given,
    objectStorage: given.objectStorage ?? { kind: "dir", path: `${given.data}/objects` },
    s3PathStyle: given.s3PathStyle ?? given.s3Endpoint !== undefined,
    uploadBytes: given.uploadBytes ?? Math.min(128 * MiB, Math.floor(given.walCapacityBytes / 4)),
  };
}

/** Relations between options: every problem, so that a person sees all of them at one start. */
export function relationProblems(config: StartConfig): readonly string[] {
  const problems: string[] = [];
  const { walFileBytes: file, walCapacityBytes: capacity } = config;
  const sizes = `wal-capacity = ${formatByteSize(capacity)}, wal-file-size = ${formatByteSize(file)}`;
  if (file % WAL_FILE_STEP_BYTES !== 0)
    problems.push(`wal-file-size = ${formatByteSize(file)}: must be a multiple of ${formatByteSize(WAL_FILE_STEP_BYTES)}`);
  const files = Math.floor(capacity / file);
  if (files < WAL_FILES_MIN || files > WAL_FILES_MAX) {
    problems.push(`${sizes}: the capacity must hold ${WAL_FILES_MIN} to ${WAL_FILES_MAX} files, not ${files}`);
  }
  if (config.uploadBytes > capacity * UPLOAD_WAL_USED_RATIO) {
    problems.push(
      `upload-size = ${formatByteSize(config.uploadBytes)}: must not exceed ${UPLOAD_WAL_USED_PERCENT} % of wal-capacity (${formatByteSize(capacity)})`,
    );
  }
  problems.push(...strayEndpoints(config));
  for (const name of ["listen", "http"] as const) {
    if (config.insecure || isLoopback(config[name].host)) continue;
    problems.push(
      `${name} = ${formatHostPort(config[name])}: reaches beyond this machine, open to everybody. Use localhost, or accept it with --insecure`,
    );
  }
  return problems;
}

/** An endpoint of a store that is not used is probably a mistake about which one is. */
function strayEndpoints(config: StartConfig): string[] {
  const { kind } = config.objectStorage;
  const given = [
    ["s3", "s3-endpoint", config.s3Endpoint],
    ["s3", "s3-region", config.s3Region],
    ["gs", "gcs-endpoint", config.gcsEndpoint],
    ["az", "azure-endpoint", config.azureEndpoint],
  ] as const;
  return given
    .filter(([of, , value]) => of !== kind && value !== undefined)
    .map(([of, name, value]) => `${name} = ${value}: has a meaning only with object-storage = ${of}://…`);
}

/** Addresses to bind: `localhost` is both loopback addresses. */
export function bindHosts({ host }: HostPort): readonly string[] {
  return host === "localhost" ? ["127.0.0.1", "::1"] : [host];
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
