import type { Outcome, Result } from "./results.ts";

/** The rows: the name of a check, and what it is. */
const CHECKS: Readonly<Record<string, string>> = {
  produce: "produce and fetch: keys, values, headers, offsets",
  gzip: "gzip",
  snappy: "snappy",
  lz4: "lz4",
  zstd: "zstd",
  idempotence: "idempotent producer",
  group: "group: two members share a topic",
  "group-protocol": "the same by KIP-848's protocol",
  commit: "commit, and go on there",
  seek: "seek",
  "list-offsets": "first and next offset",
  "offset-by-time": "offset by time",
  topics: "create a topic, describe it",
  config: "change an option of a topic",
  delete: "delete a topic",
  transactions: "transactions: commit, abort, read committed",
};

/** What TideMQ does not have: that a client fails at it is no fault. */
const NOT_BUILT = new Set(["transactions"]);

export type Column = Readonly<{ name: string; tidemq: Result | undefined; kafka: Result | undefined; skipped?: string }>;

/** What stands in a cell, and the words of the failure. */
type Cell = Readonly<{ text: string; note?: string; isFault: boolean }>;

/** One check of one client. Without Kafka's outcome a failure counts as TideMQ's. */
export function cellOf(check: string, tidemq: Outcome | undefined, kafka: Outcome | undefined): Cell {
  if (tidemq === undefined || tidemq.kind === "none") return { text: "–", isFault: false };
  if (tidemq.kind === "pass") {
    const isKafkaWorse = kafka?.kind === "fail";
    return isKafkaWorse ? { text: "pass; Kafka: fails", note: kafka.words, isFault: false } : { text: "pass", isFault: false };
  }
  if (kafka?.kind === "fail") return { text: "fails the same on Kafka", note: kafka.words, isFault: false };
  if (NOT_BUILT.has(check)) return { text: "not built yet", isFault: false };
  return { text: "**fails**", note: tidemq.words, isFault: true };
}

/** The failures that are TideMQ's, a line each. */
export function faults(columns: readonly Column[]): string[] {
  return columns.flatMap(({ name, tidemq, kafka }) =>
    Object.keys(CHECKS).flatMap((check) => {
      const cell = cellOf(check, tidemq?.checks.get(check), kafka?.checks.get(check));
      return cell.isFault ? [`${name}, ${check}: ${cell.note ?? ""}`] : [];
    }),
  );
}

/** The page, from what both brokers gave. */
export function page(columns: readonly Column[], kafkaVersion: string): string {
  const notes: string[] = [];
  const ran = columns.filter((one) => one.tidemq !== undefined);
  const text = (check: string, { name, tidemq, kafka }: Column): string => {
    const cell = cellOf(check, tidemq?.checks.get(check), kafka?.checks.get(check));
    if (cell.note === undefined) return cell.text;
    notes.push(`${name}, ${CHECKS[check] ?? check}: ${cell.note.replace(/\d{4,}/g, "N").replace(/[|<>`]/g, " ")}`);
    return `${cell.text} [${notes.length}]`;
  };
  const rows = Object.entries(CHECKS).map(([check, what]) => `| ${[what, ...ran.map((one) => text(check, one))].join(" | ")} |`);
  return [
    "<!-- Written by `npm run clients:matrix`. -->",
    "# Clients",
    "",
    `Each program in [test/client-matrix](../../test/client-matrix) ran against TideMQ and against Apache Kafka ${kafkaVersion}. A check reads back`,
    "what it wrote; compression and idempotence are looked at in the stored batches, too.",
    "",
    "| client | version |",
    "|---|---|",
    ...ran.map(({ name, tidemq }) => `| ${name} | ${tidemq?.version ?? ""} |`),
    "",
    `| | ${ran.map((one) => one.name).join(" | ")} |`,
    `|---|${"---|".repeat(ran.length)}`,
    ...rows,
    "",
    "pass: as on Kafka · –: the client does not have it, or only as a preview · not built yet: passes on Kafka; TideMQ refuses it",
    "",
    ...notes.map((note, at) => `${at + 1}. ${note}`),
    ...(notes.length > 0 ? [""] : []),
  ].join("\n");
}
