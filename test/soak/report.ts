import { cpus } from "node:os";
import { median, short } from "../../bench/statistics.ts";
import type { Verdict } from "./flatness.ts";
import { RISE_PER_HOUR_MAX } from "./flatness.ts";
import type { Group } from "./groups.ts";
import type { Faults, Written } from "./ledger.ts";
import { COLUMNS, type Column, type Sample } from "./samples.ts";

export type Outcome = Readonly<{
  minutes: number;
  bucket: string;
  samples: readonly Sample[];
  verdicts: readonly Verdict[];
  isJudged: boolean;
  faults: Faults;
  did: ReadonlyMap<string, number>;
  groups: readonly Group[];
  written: Written;
}>;

/** One line of how it stands. */
export function progress(samples: readonly Sample[], faults: Faults): string {
  const now = samples.at(-1);
  if (now === undefined) return "no sample yet";
  const before = samples.at(-7) ?? now;
  const cores = (now.cpuS - before.cpuS) / (now.atS - before.atS);
  const own = process.cpuUsage();
  const loadCores = (own.user + own.system) / 1e6 / process.uptime();
  const figures = [
    `rss ${short(now.rssMiB)} heap ${short(now.heapMiB)} MiB`,
    `handles ${now.handles} sockets ${now.sockets} threads ${now.threads}`,
    `wal ${short(now.walMiB)} bucket ${now.bucketObjects} objects ${short(now.bucketMiB)} metadata ${short(now.metadataMiB)} MiB`,
    `cores ${short(cores)} load ${short(loadCores)} loop p99 ${short(now.loopP99Ms)} produce p99 ${short(now.produceP99Ms)} ms`,
    `acknowledged ${now.acknowledged} read ${now.read} grouped ${now.grouped} caught up ${now.caughtUp} topics ${now.topics}`,
    `uploads ${now.uploads} collected ${now.collected} reads ${now.objectReads} troubles ${now.troubles} faults ${faults.count}`,
  ];
  return `${Math.round(now.atS / 60)} min: ${figures.join("; ")}`;
}

/** The text of docs/reference/soak.md. */
export function document(outcome: Outcome): string {
  return [head(outcome), rule(), table(outcome), "![charts](soak.svg)", load(outcome), faultsText(outcome.faults)].join("\n\n");
}

function head({ minutes, bucket, samples }: Outcome): string {
  const [first, last] = [samples[0], samples.at(-1)];
  const cores = first === undefined || last === undefined ? Number.NaN : (last.cpuS - first.cpuS) / (last.atS - first.atS);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"} · Node ${process.version}`;
  return `# Soak

Made by \`npm run soak -- --minutes ${minutes} --bucket ${bucket} --write\`: the real process under mixed load, see \`test/soak\`.
${machine} · ${samples.length} samples, one each 10 s · the server used ${short(cores)} of a core on average.`;
}

function rule(): string {
  return `Flat is: the median slope between all pairs of samples (Theil and Sen) of the last three quarters rises by at most ${RISE_PER_HOUR_MAX * 100} % of
the median in an hour, or by less than what is noise for the whole window. Why so: see \`test/soak/flatness.ts\`.`;
}

function table({ verdicts, samples, isJudged }: Outcome): string {
  const lines = verdicts.map(({ name, median: middle, risePerHour, allowedPerHour, isFlat }) => {
    const values = samples.map((one) => one[name as Column]);
    const range = `${short(Math.min(...values))} – ${short(Math.max(...values))}`;
    const said = isJudged ? (isFlat ? "flat" : "**rises**") : "too short to say";
    return `| ${COLUMNS[name as Column].about} | ${short(middle)} | ${range} | ${short(risePerHour)} | ${short(allowedPerHour)} | ${said} |`;
  });
  return ["| what | median | range | rise an hour | allowed | |", "|---|---|---|---|---|---|", ...lines].join("\n");
}

function load({ samples, did, groups, written }: Outcome): string {
  const of = (name: Column): string => `${COLUMNS[name].about}: ${short(samples.at(-1)?.[name] ?? Number.NaN)}`;
  const middle = (name: Column): string =>
    `${COLUMNS[name].about}: ${short(median(samples.map((one) => one[name])))} (median of the samples)`;
  const done = [...did].map(([what, times]) => `${what}: ${times}`).sort();
  const read = groups.map(({ id, seen }) => `group ${id}: ${seen.records} records, ${seen.repeated} of them again`);
  const figures = (["uploads", "collected", "objectReads", "troubles"] as const).map(of);
  const delays = (["produceP99Ms", "loopP99Ms"] as const).map(middle);
  return [`records acknowledged: ${written.records}`, ...read, ...figures, ...delays, ...done].map((line) => `* ${line}`).join("\n");
}

function faultsText(faults: Faults): string {
  if (faults.count === 0) return "Every acknowledged record was read in order, with no hole, and no group went back.\n";
  return `**${faults.count} faults**\n\n${faults.texts.map((text) => `* ${text}`).join("\n")}\n`;
}
