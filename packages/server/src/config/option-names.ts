import { OPTION_KEYS, optionOf } from "./config-sources.ts";
import { countsForAny, type ServerKind } from "./server-option.ts";

/** The command line and the environment name the file, too, by this. */
export const CONFIG_NAME = "config";

/** What is longer is like none. */
const NAME_CHARS_MAX = 64;

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

/** The closest ones, when they are close: a slip or two, the wrong signs between words, or a part of the name. */
function nearest(name: string, known: readonly string[]): readonly string[] {
  if (name.length > NAME_CHARS_MAX) return [];
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[._-]+/g, "-");
  const distances = known.map((one) => distance(plain(name), plain(one)));
  const best = Math.min(...distances);
  return best > Math.max(2, Math.floor(name.length / 4)) ? [] : known.filter((_, at) => distances[at] === best);
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
