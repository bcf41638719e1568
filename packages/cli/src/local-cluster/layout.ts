import { join } from "node:path";
import { type Address, addressText } from "@tidemq/client/transport.ts";

/** Of the first broker; everything else follows from it. As in config/broker.toml. */
export const FIRST_PORT = 9092;

/** Between a broker and the next: 9092, 9192, 9292. */
const PORT_STEP = 100;
/** From a broker's port for Kafka, and from that of the broker of the same place in the row for a controller. */
const OFFSETS = { brokerPeer: 1, controllerPeer: 2, controllerHttp: 550, brokerHttp: 551 } as const;
const FIRST_CONTROLLER = 101;
const HOST = "localhost";
const PORT_MAX = 65_535;

/** The smallest write-ahead log there is, and little memory: several brokers fit a laptop. */
const SMALL = ["--wal-file-size", "40MiB", "--wal-capacity", "240MiB", "--write-memory", "64MiB", "--read-memory", "64MiB"];

/** What a cluster on one machine is made of. */
export type ClusterShape = Readonly<{
  /** Absolute. */
  folder: string;
  firstPort: number;
  controllers: number;
}>;

/** One process of it. `args`: what stands behind `tidemq`. */
export type MemberPlan = Readonly<{
  name: string;
  role: "broker" | "controller";
  /** Each place where it listens, with what for. */
  listens: readonly Readonly<{ what: "Kafka" | "peers" | "HTTP"; address: Address }>[];
  http: Address;
  /** For clients; a controller has none. */
  kafka: Address | undefined;
  /** A controller keeps nothing: the metadata is in the bucket. */
  folder: string | undefined;
  args: readonly string[];
}>;

/** In the folder of the cluster. */
export const BUCKET_FOLDER = "bucket";

/** `bucket` in the folder of the cluster, which all share. */
export function bucketOf({ folder }: ClusterShape): string {
  return `dir:${join(folder, BUCKET_FOLDER)}`;
}

/** @param id From 1. */
export function brokerPlan(shape: ClusterShape, id: number): MemberPlan {
  const port = shape.firstPort + PORT_STEP * (id - 1);
  const [kafka, peer, http] = [at(port), at(port + OFFSETS.brokerPeer), at(port + OFFSETS.brokerHttp)];
  const name = `broker-${id}`;
  const folder = join(shape.folder, name);
  const controllers = controllerPlans(shape).flatMap(({ listens }) => listens.filter(({ what }) => what === "peers"));
  const args = [
    ...["broker", "--node-id", String(id), "--data", folder, "--object-storage", bucketOf(shape)],
    // Together they are one machine, but each plays one of its own: else none could have a replica of another's partition.
    ...["--host-name", name],
    ...["--controllers", controllers.map(({ address }) => addressText(address)).join(",")],
    ...["--listen", addressText(kafka), "--peer-listen", addressText(peer), "--http", addressText(http), ...SMALL],
  ];
  return { name, role: "broker", listens: listens({ Kafka: kafka, peers: peer, HTTP: http }), http, kafka, folder, args };
}

/** `controller-101` and those that follow. */
export function controllerPlans(shape: ClusterShape): readonly MemberPlan[] {
  return Array.from({ length: shape.controllers }, (_, place) => {
    const port = shape.firstPort + PORT_STEP * place;
    const [peer, http] = [at(port + OFFSETS.controllerPeer), at(port + OFFSETS.controllerHttp)];
    const id = FIRST_CONTROLLER + place;
    const args = [
      ...["controller", "--node-id", String(id), "--object-storage", bucketOf(shape)],
      ...["--peer-listen", addressText(peer), "--http", addressText(http)],
    ];
    const name = `controller-${id}`;
    return { name, role: "controller", listens: listens({ peers: peer, HTTP: http }), http, kafka: undefined, folder: undefined, args };
  });
}

/** The highest first port with which so many brokers or controllers have room. */
export function firstPortMax(count: number): number {
  return PORT_MAX - PORT_STEP * (count - 1) - OFFSETS.brokerHttp;
}

function at(port: number): Address {
  return { host: HOST, port };
}

function listens(addresses: Readonly<Partial<Record<"Kafka" | "peers" | "HTTP", Address>>>): MemberPlan["listens"] {
  return (["Kafka", "peers", "HTTP"] as const).flatMap((what) => {
    const address = addresses[what];
    return address === undefined ? [] : [{ what, address }];
  });
}
