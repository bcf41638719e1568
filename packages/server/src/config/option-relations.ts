import { MiB } from "../base/units.ts";
import { isLoopback, isWildcard } from "./addresses.ts";
import { UPLOAD_WAL_USED_PERCENT, UPLOAD_WAL_USED_RATIO, WAL_FILES_MAX, WAL_FILES_MIN } from "./limits.ts";
import type { HostPort } from "./option-types.ts";
import type { GivenValues, ServerOptionKey } from "./server-config.ts";
import type { ServerKind } from "./server-option.ts";

/** Values that the options accepted, for a process of these kinds, and how each is named in a message. */
export type Judged = Readonly<{
  given: GivenValues;
  kinds: readonly ServerKind[];
  isGiven: (key: ServerOptionKey) => boolean;
  /** `name = value (where)`; with a path, of a part of it. */
  describe: (key: ServerOptionKey, at?: readonly (string | number)[]) => string;
}>;

/** A slab is a window of a file, so files are a whole number of them. */
const WAL_FILE_STEP_MIB = 4;

/** Relations between options: every problem, so that a person sees all of them at one start. */
export function relationProblems(judged: Judged): readonly string[] {
  const { kinds } = judged;
  const isServing = kinds.includes("start") || kinds.includes("broker");
  const isPeer = !kinds.includes("start");
  return [
    ...(isServing ? walProblems(judged) : []),
    ...strayEndpoints(judged),
    ...openAddresses(judged),
    ...(isPeer ? [...peerProblems(judged), ...unreachable(judged)] : []),
  ];
}

function walProblems({ given, describe }: Judged): string[] {
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

type Place = Readonly<{ key: ServerOptionKey; at: readonly (string | number)[]; address: HostPort }>;
type ClientPlace = Place & Readonly<{ key: "listen" | "listeners"; advertise: HostPort | undefined }>;

/** Where Kafka clients connect, by the option that says so. */
function clientPlaces({ given }: Judged): readonly ClientPlace[] {
  if (given.listeners === undefined) return [{ key: "listen", at: [], address: given.listen, advertise: given.advertise }];
  return given.listeners.map(({ listen, advertise }, at) => ({ key: "listeners", at: [at, "listen"], address: listen, advertise }));
}

function openAddresses(judged: Judged): string[] {
  const { given, kinds, describe } = judged;
  if (given.insecure) return [];
  const isServing = kinds.some((kind) => kind !== "controller");
  const isClear = !kinds.includes("start") && given.peerCert === undefined;
  const peers: readonly Place[] = [
    { key: "peerListen", at: [], address: given.peerListen },
    ...(given.controllers ?? []).map((address, at) => ({ key: "controllers" as const, at: [at], address })),
  ];
  const beyond = (places: readonly Place[]): readonly Place[] => places.filter(({ address }) => !isLoopback(address.host));
  const open = beyond([...(isServing ? clientPlaces(judged) : []), { key: "http", at: [], address: given.http }]);
  return [
    ...open.map(
      ({ key, at }) => `${describe(key, at)}: reaches beyond this machine, open to everybody. Use localhost, or accept it with --insecure`,
    ),
    ...(isClear ? beyond(peers) : []).map(
      ({ key, at }) =>
        `${describe(key, at)}: reaches beyond this machine, in the clear. Give peer-tls.cert, peer-tls.key and peer-tls.ca, or accept it with --insecure`,
    ),
  ];
}

function peerProblems(judged: Judged): string[] {
  return [...tlsProblems(judged), ...controllerProblems(judged), ...shortForms(judged)];
}

function tlsProblems({ isGiven, describe }: Judged): string[] {
  const files = (["peerCert", "peerKey", "peerCa"] as const).filter(isGiven);
  if (files.length === 0 || files.length === 3) return [];
  const missing = files.length === 1 ? "two are" : "one is";
  return [
    `${files.map((key) => describe(key)).join(", ")}: peer-tls.cert, peer-tls.key and peer-tls.ca belong together, and ${missing} missing`,
  ];
}

function controllerProblems({ given, kinds, describe }: Judged): string[] {
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

/** What other machines are told must be an address that they can connect to. */
function unreachable(judged: Judged): string[] {
  const { given, kinds, describe } = judged;
  const clients = kinds.includes("broker") ? clientPlaces(judged) : [];
  const places = [...clients, { key: "peerListen" as const, at: [], address: given.peerListen, advertise: given.peerAdvertise }];
  return places
    .filter(({ address, advertise }) => isWildcard((advertise ?? address).host))
    .map(
      ({ key, at }) =>
        `${describe(key, at)}: nobody can connect to all addresses of a machine: give ${ADVERTISE[key]}, the one that others use`,
    );
}

const ADVERTISE = { listen: "advertise", listeners: "its advertise", peerListen: "peer-advertise" } as const;
