import { OPTION_KEYS, optionOf } from "./config-sources.ts";
import { NAME_CHARS_MAX } from "./limits.ts";
import { countsForAny, type ServerKind } from "./server-option.ts";

/** The command line and the environment name the file, too, by this. */
export const CONFIG_NAME = "config";

/** Names of the options that count for one of these kinds. */
export function namesFor(kinds: readonly ServerKind[]): readonly string[] {
  return OPTION_KEYS.map(optionOf)
    .filter((option) => countsForAny(option, kinds))
    .map(({ name }) => name);
}

/**
 * What to say of a name that does not exist.
 * @param write How names are written where it stands.
 */
export function unknownName(name: string, known: readonly string[], write: (name: string) => string): string {
  const near = nearest(name, known).map(write);
  return `no such option. ${near.length > 0 ? `Meant: ${near.join(" or ")}?` : `There are: ${known.map(write).join(", ")}`}`;
}

/** What Kafka calls these, with other signs between the words. */
const KAFKA_NAMES: Readonly<Record<string, string>> = {
  "advertised-listeners": "advertise",
  "auto-create-topics-enable": "auto-create-topics",
  "broker-id": "node-id",
  "broker-rack": "rack",
  "controller-quorum-bootstrap-servers": "controllers",
  "controller-quorum-voters": "controllers",
  "log-dir": "data",
  "log-dirs": "data",
  "num-partitions": "default-partitions",
  "process-roles": "roles",
};

/** The closest ones, when they are close: a slip or two, other signs between the words; or Kafka's name. */
function nearest(name: string, known: readonly string[]): readonly string[] {
  if (name.length > NAME_CHARS_MAX) return [];
  const plain = name.toLowerCase().replaceAll(/[._]/g, "-");
  const ours = known.filter((one) => Object.hasOwn(KAFKA_NAMES, plain) && one === KAFKA_NAMES[plain]);
  if (ours.length > 0) return ours;
  const distances = known.map((one) => distance(plain, one.replaceAll(".", "-")));
  const best = Math.min(...distances);
  return best > Math.max(2, Math.floor(name.length / 4)) ? [] : known.filter((_, at) => distances[at] === best);
}

/** As much of a name as is worth showing. */
export function shownName(name: string): string {
  return name.length > NAME_CHARS_MAX ? `${name.slice(0, NAME_CHARS_MAX)}…` : name;
}

/** Levenshtein distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
