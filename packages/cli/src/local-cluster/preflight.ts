import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { addressText } from "@tidemq/client/transport.ts";
import { CommandError } from "../command-error.ts";
import { BUCKET_FOLDER, type MemberPlan } from "./layout.ts";

const BROKER_FOLDER = /^broker-([1-9]\d{0,8})$/;
/** What only the data folder of a node has. */
const NODE_FOLDERS = ["wal", "meta"] as const;

/** Numbers of the brokers whose folders are there, ascending. */
export function brokersIn(folder: string): readonly number[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).flatMap((name) => BROKER_FOLDER.exec(name)?.[1] ?? []);
  return found.map(Number).sort((a, b) => a - b);
}

/**
 * Takes possession of the folder of the cluster, and looks whether anybody has one of its brokers'.
 * @returns Gives it back.
 * @throws {CommandError} With the remedy.
 */
export async function takeFolder(folder: string, plans: readonly MemberPlan[]): Promise<() => void> {
  refuseOtherFolder(folder, plans);
  const { FolderLock } = await import("@tidemq/server/io/real/lock.ts");
  const lock = (path: string): { release(): void } => {
    try {
      return FolderLock.acquire(path);
    } catch (error) {
      throw new CommandError(error instanceof Error ? error.message : String(error), undefined, { cause: error });
    }
  };
  const own = lock(folder);
  for (const plan of plans) if (plan.folder !== undefined && existsSync(plan.folder)) lock(plan.folder).release();
  return () => own.release();
}

/** Of one node, or of brokers that a new bucket knows nothing of. */
function refuseOtherFolder(folder: string, plans: readonly MemberPlan[]): void {
  const node = NODE_FOLDERS.find((name) => existsSync(join(folder, name)));
  if (node !== undefined)
    throw new CommandError(`${folder} is the data folder of one node`, "Name another folder for the cluster: --data DIR");
  const used = plans.find((plan) => plan.folder !== undefined && existsSync(join(plan.folder, "meta")));
  if (used === undefined || existsSync(join(folder, BUCKET_FOLDER))) return;
  const text = `${join(folder, used.name)} belongs to a cluster whose bucket is not in ${folder}`;
  throw new CommandError(text, `Put ${BUCKET_FOLDER} back; or delete the folder, with all that is in it; or name another: --data DIR`);
}

/** @throws {CommandError} Which ports are in use, all in one. */
export async function refuseUsedPorts(plans: readonly MemberPlan[]): Promise<void> {
  const places = plans.flatMap((plan) => plan.listens.map((listen) => ({ ...listen, name: plan.name })));
  const checked = await Promise.all(places.map(async (place) => ({ place, problem: await portProblem(place.address.port) })));
  const used = checked.filter(({ problem }) => problem !== undefined);
  if (used.length === 0) return;
  const texts = used.map(({ place, problem }) => `${addressText(place.address)} for ${place.name} (${place.what}): ${problem}`);
  const next = "Stop what listens there, or give the cluster other ports: --port N is the first, the others follow from it.";
  throw new CommandError(`cannot listen at\n  ${texts.join("\n  ")}`, next);
}

/** Why nobody can listen there; a machine without IPv6 has one loopback address. */
async function portProblem(port: number): Promise<string | undefined> {
  for (const host of ["127.0.0.1", "::1"]) {
    const code = await listenCode(host, port);
    if (code === "EADDRINUSE") return "it is in use by another process";
    if (code !== undefined && host === "127.0.0.1") return code;
  }
  return undefined;
}

function listenCode(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}
