import { MiB } from "../base/units.ts";
import type { ListenerConfig } from "./list-types.ts";
import type { HostPort, ObjectStorage } from "./option-types.ts";
import type { ServerKind, ServerOption } from "./server-option.ts";
import type { METADATA_LOGS, ROLES, SERVER_OPTIONS } from "./server-options.ts";

export type Role = (typeof ROLES)[number];
export type MetadataLogKind = (typeof METADATA_LOGS)[number];

type Table = typeof SERVER_OPTIONS;
export type ServerOptionKey = keyof Table;
type Values = { readonly [K in ServerOptionKey]: Table[K] extends ServerOption<infer T> ? T : never };

/** A value for each option: what was given, else its default. */
export type GivenValues = Omit<Values, WithoutDefault> & { readonly [K in WithoutDefault]: Values[K] | undefined };
type WithoutDefault = Exclude<Composed | ComposedPeer, "listen" | "peerListen" | "metadataLog"> | Unset;
type Unset = "s3Endpoint" | "s3Region" | "gcsEndpoint" | "azureEndpoint" | "uploadRateBytes" | "downloadRateBytes" | "host";

/** Come together as something else, or follow from others. */
type Composed = "nodeId" | "roles" | "listen" | "advertise" | "listeners" | "rack" | "controllers" | "objectStorage" | "s3PathStyle";
type ComposedPeer = "peerListen" | "peerAdvertise" | "peerCert" | "peerKey" | "peerCa" | "uploadBytes" | "metadataLog";
type KeysFor<K extends ServerKind> = { [Key in ServerOptionKey]: K extends Table[Key]["countsFor"][number] ? Key : never }[ServerOptionKey];
type PlainFor<K extends ServerKind> = Pick<GivenValues, Exclude<KeysFor<K>, Composed | ComposedPeer>>;

/** Files of mutual TLS between the processes of a cluster: paths, as given. */
export type PeerTlsFiles = Readonly<{ cert: string; key: string; ca: string }>;

/** Where brokers and controllers of a cluster reach this one. */
export type PeerConfig = Readonly<{
  listen: HostPort;
  /** Undefined: where it listens, with the port that it then has. */
  advertise: HostPort | undefined;
  /** Undefined: in the clear. */
  tls: PeerTlsFiles | undefined;
}>;

/** What a process of any kind runs with. */
export type NodeConfig = PlainFor<"controller"> &
  Readonly<{
    /** Of `tidemq start`: 1. */
    nodeId: number;
    roles: readonly Role[];
    objectStorage: ObjectStorage;
    s3PathStyle: boolean;
  }>;

/** What serves clients, alone or in a cluster. */
export type ServingConfig = NodeConfig &
  PlainFor<"broker"> &
  Readonly<{
    /** At least one. In a cluster an `advertise` that is undefined is where it listens, with the port that it then has; else what the client reached. */
    listeners: readonly ListenerConfig[];
    /** Empty: nobody said. */
    rack: string;
    uploadBytes: number;
  }>;

/** What decides for the cluster. */
type DecidingConfig = NodeConfig & Readonly<{ metadataLog: MetadataLogKind }>;

/** `tidemq start`: both roles in one process, node 1, with a local metadata log and without peers. Sizes in bytes, times in milliseconds. */
export type StartConfig = ServingConfig & DecidingConfig;

/** The broker role in a cluster. */
export type BrokerConfig = ServingConfig & Readonly<{ peer: PeerConfig; controllers: readonly HostPort[] }>;

/** The controller role in a cluster. */
export type ControllerConfig = DecidingConfig & Readonly<{ peer: PeerConfig }>;

/** `tidemq broker` and `tidemq controller`: a configuration for each role that the process has, and both when it has both. */
export type ClusterConfig = Readonly<{ broker: BrokerConfig | undefined; controller: ControllerConfig | undefined }>;

/** @param given Values that the options accepted, with their defaults. */
export function startConfig(given: GivenValues): StartConfig {
  return { ...servingConfig({ ...given, nodeId: 1, roles: ["broker", "controller"] }), metadataLog: "local" };
}

/** @param given As above, and what is required is there. */
export function clusterConfig(given: GivenValues, roles: readonly Role[]): ClusterConfig {
  const own = { ...given, roles };
  const peer = peerConfig(given);
  const controllers = given.controllers ?? [peer.advertise ?? peer.listen];
  return {
    broker: roles.includes("broker") ? { ...servingConfig(own), peer, controllers } : undefined,
    controller: roles.includes("controller") ? { ...nodeConfig(own), peer, metadataLog: given.metadataLog } : undefined,
  };
}

function servingConfig(given: GivenValues): ServingConfig {
  const { sync, autoCreateTopics, fetchFromFollowers, defaultPartitions, walFileBytes, walCapacityBytes, uploadAgeMs, retentionCheckMs } =
    given;
  const { uploadRateBytes, downloadRateBytes, writeMemoryBytes, readMemoryBytes, defaultReplicationFactor, host } = given;
  return {
    ...nodeConfig(given),
    listeners: given.listeners ?? [{ name: LISTENER_NAME, listen: given.listen, advertise: given.advertise }],
    rack: given.rack ?? "",
    ...{ sync, autoCreateTopics, fetchFromFollowers, defaultPartitions, walFileBytes, walCapacityBytes, uploadAgeMs, retentionCheckMs },
    ...{ uploadRateBytes, downloadRateBytes, writeMemoryBytes, readMemoryBytes, defaultReplicationFactor, host },
    uploadBytes: given.uploadBytes ?? Math.min(128 * MiB, Math.floor(walCapacityBytes / 4)),
  };
}

/** Of the only listener, when nobody gives it another: Kafka's. */
export const LISTENER_NAME = "PLAINTEXT";

function nodeConfig(given: GivenValues): NodeConfig {
  const { data, http, insecure, s3Endpoint, s3Region, gcsEndpoint, azureEndpoint } = given;
  return {
    nodeId: given.nodeId ?? 1,
    roles: given.roles ?? [],
    ...{ data, http, insecure, s3Endpoint, s3Region, gcsEndpoint, azureEndpoint },
    objectStorage: given.objectStorage ?? { kind: "dir", path: `${data}/objects` },
    s3PathStyle: given.s3PathStyle ?? s3Endpoint !== undefined,
  };
}

function peerConfig({ peerListen: listen, peerAdvertise: advertise, peerCert: cert, peerKey: key, peerCa: ca }: GivenValues): PeerConfig {
  const isWhole = cert !== undefined && key !== undefined && ca !== undefined;
  return { listen, advertise, tls: isWhole ? { cert, key, ca } : undefined };
}
