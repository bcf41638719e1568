import { readdirSync, readFileSync } from "node:fs";

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

/** Resident memory of a process and its children in MiB. */
export function residentMiB(processId: number): number {
  let kib = 0;
  for (const id of processTree(processId)) kib += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${id}/status`))?.[1] ?? 0);
  return kib / 1024;
}

/** CPU seconds per second that processes outside of the trees use: how quiet the machine was. */
export function otherCores(seconds: number, ownCpuSeconds: number, before: number, after: number): number {
  return (after - before - ownCpuSeconds) / seconds;
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
