import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const QUIET_STEP_MS = 250;
const QUIET_STEPS = 4;
/** A JVM that does nothing uses 1 to 4 % of a core. */
const QUIET_CORES_MAX = 0.05;
const QUIET_WAIT_MS_MAX = 90_000;

/** CPU seconds, user and kernel, of a process and its children, all their live threads (`schedstat`, nanoseconds). Linux only. */
export function cpuSeconds(processId: number): number {
  let ns = 0;
  for (const id of processTree(processId)) {
    for (const thread of list(`/proc/${id}/task`)) {
      ns += Number(read(`/proc/${id}/task/${thread}/schedstat`).split(" ")[0] ?? 0);
    }
  }
  return ns / 1e9;
}

/** Waits until the process has had next to nothing to do for a second: what it does behind a load belongs to the load. */
export async function untilQuiet(processId: number): Promise<void> {
  const giveUpAtMs = performance.now() + QUIET_WAIT_MS_MAX;
  for (let quiet = 0; quiet < QUIET_STEPS && performance.now() < giveUpAtMs; ) {
    const before = cpuSeconds(processId);
    await sleep(QUIET_STEP_MS);
    const cores = (cpuSeconds(processId) - before) / (QUIET_STEP_MS / 1000);
    quiet = cores <= QUIET_CORES_MAX ? quiet + 1 : 0;
  }
}

/** Resident memory of a process and its children in MiB. */
export function residentMiB(processId: number): number {
  let kib = 0;
  for (const id of processTree(processId)) kib += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${id}/status`))?.[1] ?? 0);
  return kib / 1024;
}

/** Times that threads of the process went to sleep: how often it was awake. */
export function wakes(processId: number): number {
  let count = 0;
  for (const id of processTree(processId)) {
    for (const thread of list(`/proc/${id}/task`)) {
      count += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`/proc/${id}/task/${thread}/status`))?.[1] ?? 0);
    }
  }
  return count;
}

/** Bytes that the process and its children have had written to disks. */
export function writtenBytes(processId: number): number {
  let bytes = 0;
  for (const id of processTree(processId)) bytes += Number(/^write_bytes:\s+(\d+)/m.exec(read(`/proc/${id}/io`))?.[1] ?? 0);
  return bytes;
}

/** CPU seconds of the whole machine since it started, idle time left out. */
export function machineCpuSeconds(): number {
  const fields = (read("/proc/stat").split("\n")[0] ?? "").trim().split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  return (user + nice + system + irq + softirq + steal) / 100;
}

function processTree(root: number): number[] {
  const found = [root];
  for (let i = 0; i < found.length; i++) {
    for (const thread of list(`/proc/${found[i]}/task`)) {
      const children = read(`/proc/${found[i]}/task/${thread}/children`).trim();
      if (children !== "") found.push(...children.split(" ").map(Number));
    }
  }
  return found;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
