import { MiB } from "../base/units.ts";
import { bindHosts, isLoopback, isWildcard } from "./addresses.ts";
import { UPLOAD_WAL_USED_PERCENT, UPLOAD_WAL_USED_RATIO, WAL_FILES_MAX, WAL_FILES_MIN } from "./limits.ts";
import type { HostPort } from "./option-types.ts";
import type { GivenValues, ServerOptionKey } from "./server-config.ts";
import type { ServerKind } from "./server-option.ts";

/** Values that the options accepted, for a process of these kinds, and how each is named in a message. */
export type Judged = Readonly<{
  given: GivenValues;
  kinds: readonly ServerKind[];
  isGiven: (key: ServerOptionKey) => boolean;
  describe: Describe;
}>;

/** `name = value (where)`; with a path, of a part of it. */
export type Describe = (key: ServerOptionKey, at?: readonly (string | number)[]) => string;

/** A slab is a window of a file, so files are a whole number of them. */
const WAL_FILE_STEP_MIB = 4;

const ADDRESSES = ["listen", "listeners", "http", "peerListen"] as const;
const TLS_FILES = ["peerCert", "peerKey", "peerCa"] as const;

type Relation = Readonly<{
  of: readonly ServerOptionKey[];
  problems: (judged: Judged) => readonly string[];
}>;

/** Each with the options that it looks at. */
const RELATIONS: readonly Relation[] = [
  { of: ["walFileBytes", "walCapacityBytes", "uploadBytes"], problems: walProblems },
  { of: ["objectStorage", "s3Endpoint", "s3Region", "gcsEndpoint", "azureEndpoint"], problems: strayEndpoints },
  { of: ["insecure", ...ADDRESSES, "controllers", ...TLS_FILES], problems: openAddresses },
  { of: ADDRESSES, problems: takenAddresses },
  { of: ["advertise", "peerAdvertise", ...ADDRESSES], problems: unreachable },
  { of: TLS_FILES, problems: tlsProblems },
  { of: ["controllers", "peerListen", "metadataLog", "roles"], problems: controllerProblems },
  { of: ["listen", "advertise", "listeners"], problems: shortForms },
];

/**
 * Relations between options: every problem, so that a person sees all of them at one start.
 * @param unknown Options whose values are missing or refused: of their relations nothing can be said.
 */
export function relationProblems(judged: Judged, unknown: ReadonlySet<ServerOptionKey>): readonly string[] {
  return RELATIONS.filter((relation) => !relation.of.some((key) => unknown.has(key))).flatMap((relation) => relation.problems(judged));
}

function walProblems({ given, kinds, describe }: Judged): string[] {
  if (!kinds.some((kind) => kind !== "controller")) return [];
  const problems: string[] = [];
  const { walFileBytes: file, walCapacityBytes: capacity, uploadBytes } = given;
  if (file % (WAL_FILE_STEP_MIB * MiB) !== 0) problems.push(`${describe("walFileBytes")}: must be a multiple of ${WAL_FILE_STEP_MIB}MiB`);
  const files = Math.floor(capacity / file);
  if (files < WAL_FILES_MIN || files > WAL_FILES_MAX) {
    const sizes = `${describe("walCapacityBytes")}, ${describe("walFileBytes")}`;
    problems.push(`${sizes}: the capacity must hold ${WAL_FILES_MIN} to ${WAL_FILES_MAX} files, not ${files}`);
  }
  if (uploadBytes !== undefined && uploadBytes > capacity * UPLOAD_WAL_USED_RATIO)
    problems.push(`${describe("uploadBytes")}: must not exceed ${UPLOAD_WAL_USED_PERCENT} % of ${describe("walCapacityBytes")}`);
  return problems;
}

/** An endpoint of a store that is not used is probably a mistake about which one is. */
function strayEndpoints({ given, isGiven, describe }: Judged): string[] {
  const kind = given.objectStorage?.kind ?? "dir";
  const endpoints = [
    ["s3", "s3Endpoint"],
    ["s3", "s3Region"],
    ["gs", "gcsEndpoint"],
    ["az", "azureEndpoint"],
  ] as const;
  return endpoints
    .filter(([of, key]) => of !== kind && isGiven(key))
    .map(([of, key]) => `${describe(key)}: has a meaning only with object-storage = ${of}://…`);
}

type Place = Readonly<{
  key: "listen" | "listeners" | "http" | "peerListen";
  at: readonly (string | number)[];
  address: HostPort;
  advertise: HostPort | undefined;
}>;

/** Where Kafka clients connect, by the option that says so. */
function clientPlaces({ given, kinds }: Judged): readonly Place[] {
  if (!kinds.includes("start") && !kinds.includes("broker")) return [];
  if (given.listeners === undefined) return [{ key: "listen", at: [], address: given.listen, advertise: given.advertise }];
  return given.listeners.map(({ listen, advertise }, at) => ({ key: "listeners", at: [at, "listen"], address: listen, advertise }));
}

/** Everywhere that the process listens. */
function listeningPlaces(judged: Judged): readonly Place[] {
  const { given, kinds } = judged;
  const http: Place = { key: "http", at: [], address: given.http, advertise: undefined };
  const peer: Place = { key: "peerListen", at: [], address: given.peerListen, advertise: given.peerAdvertise };
  return [...clientPlaces(judged), http, ...(kinds.includes("start") ? [] : [peer])];
}

function openAddresses(judged: Judged): string[] {
  const { given, describe } = judged;
  if (given.insecure) return [];
  const beyond = listeningPlaces(judged).filter(({ address }) => !isLoopback(address.host));
  const clients = beyond
    .filter(({ key }) => key !== "peerListen")
    .map(
      (place) =>
        `${describe(place.key, place.at)}: reaches beyond this machine, open to everybody. Use localhost, or accept it with --insecure`,
    );
  if (given.peerCert !== undefined) return clients;
  const far = (given.controllers ?? []).flatMap(({ host }, at) => (isLoopback(host) ? [] : [describe("controllers", [at])]));
  const peers = [...beyond.filter(({ key }) => key === "peerListen").map(({ key }) => describe(key)), ...far];
  return [
    ...clients,
    ...peers.map((place) => `${place}: reaches beyond this machine, in the clear. Set ${PEER_TLS}, or accept it with --insecure`),
  ];
}

const PEER_TLS = "peer-tls.cert, peer-tls.key and peer-tls.ca";

function tlsProblems({ isGiven, describe }: Judged): string[] {
  const files = TLS_FILES.filter(isGiven);
  if (files.length === 0 || files.length === 3) return [];
  const missing = files.length === 1 ? "two are" : "one is";
  return [`${files.map((key) => describe(key)).join(", ")}: ${PEER_TLS} belong together, and ${missing} missing`];
}

function controllerProblems({ given, kinds, describe }: Judged): string[] {
  if (kinds.includes("start")) return [];
  const isController = kinds.includes("controller");
  if (given.controllers === undefined) {
    if (!isController) return ["controllers: missing. Must be the addresses of the controllers of the cluster: HOST:PORT,…"];
    if (kinds.includes("broker") && given.peerListen.port === 0)
      return [`${describe("peerListen")}: any free port, so that nobody knows the address of this controller: give it and controllers`];
  } else if (isController && given.metadataLog === "local" && given.controllers.length > 1) {
    return [`${describe("metadataLog")}: is the log of the only controller. ${describe("controllers")} names several`];
  }
  return [];
}

function shortForms({ isGiven, describe }: Judged): string[] {
  if (!isGiven("listeners")) return [];
  return (["listen", "advertise"] as const)
    .filter(isGiven)
    .map((key) => `${describe(key)}: is the short form of one listener. ${describe("listeners")} is given, too: give one of them`);
}

/** Two of them cannot listen at one address. */
function takenAddresses(judged: Judged): string[] {
  const { describe } = judged;
  const places = listeningPlaces(judged);
  return places.flatMap((place, at) => {
    const first = places.slice(0, at).find((other) => overlap(place.address, other.address));
    return first === undefined ? [] : [`${describe(place.key, place.at)}: is taken by ${describe(first.key, first.at)}`];
  });
}

function overlap(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return isWildcard(a.host) || isWildcard(b.host) || bindHosts(a).some((host) => bindHosts(b).includes(host));
}

/** What others are told must be an address that they can connect to. */
function unreachable(judged: Judged): string[] {
  const { kinds, describe } = judged;
  // The one node tells each client the address that it reached.
  const isAlone = kinds.includes("start");
  return listeningPlaces(judged).flatMap(({ key, at, address, advertise }) => {
    const told = advertise ?? (isAlone ? undefined : address);
    if (key === "http" || told === undefined || !isWildcard(told.host)) return [];
    return [`${describe(key, at)}: nobody can connect to ${told.host}. Set ${ADVERTISE[key]} to the address that others use`];
  });
}

const ADVERTISE = { listen: "advertise", listeners: "its advertise", peerListen: "peer-advertise" } as const;
