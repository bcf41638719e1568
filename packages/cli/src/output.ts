import type { Writable } from "node:stream";
import { UsageError } from "./command-error.ts";
import { csvOfOne, csvText } from "./csv.ts";

/** How results are printed: for people, or one of the forms for programs. */
export const OUTPUT_FORMS = ["table", "json", "yaml", "csv"] as const;
export type OutputForm = (typeof OUTPUT_FORMS)[number];

/** @throws {UsageError} */
export function parseOutputForm(text: string): OutputForm {
  const form = OUTPUT_FORMS.find((one) => one === text);
  if (form !== undefined) return form;
  throw new UsageError(`--output is one of ${OUTPUT_FORMS.join(", ")}, not ${text}`);
}

/** A reader such as `head` that has seen enough ends the command quietly. */
export function endWhenReaderLeaves(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
    throw error;
  });
  process.stderr.on("error", () => undefined);
}

/** Writes; resolves when more may be written. */
export function write(stream: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (stream.write(chunk)) resolve();
    else stream.once("drain", resolve);
  });
}

/** Colours are for people at a terminal that have not said no. */
export function usesColours(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
}

/** What csv shows of a result: rows of the named columns, dots lead into objects. */
export type CsvView = Readonly<{ columns: readonly string[]; rows: readonly object[] }>;

/**
 * Prints a result for programs. csv has no place for more than one list: it shows `view`, and where a command has none, the
 * result itself as one row.
 */
export async function printResult(form: Exclude<OutputForm, "table">, value: object, view?: CsvView): Promise<void> {
  await write(process.stdout, await formatResult(form, value, view));
}

async function formatResult(form: Exclude<OutputForm, "table">, value: object, view?: CsvView): Promise<string> {
  if (form === "json") return `${JSON.stringify(value, undefined, 2)}\n`;
  if (form === "csv") return view === undefined ? csvOfOne(value) : csvText(view.columns, view.rows);
  const { stringify } = await import("yaml");
  // As in JSON, what is not there is left out; and no anchors, which many readers do not know.
  return stringify(JSON.parse(JSON.stringify(value)), { lineWidth: 0, aliasDuplicateObjects: false });
}

/** A cell: text, or a number, which is set to the right. */
export type Cell = string | number;

/** Prints rows under a head; `emptyText` when there are none. */
export async function printTable(head: readonly string[], rows: readonly (readonly Cell[])[], emptyText: string): Promise<void> {
  if (rows.length === 0) return write(process.stdout, `${emptyText}\n`);
  const { default: Table } = await import("cli-table3");
  const isNumber = head.map((_, column) => rows.every((row) => typeof row[column] === "number"));
  const table = new Table({
    head: [...head],
    chars: BARE,
    style: { head: usesColours(process.stdout) ? ["bold"] : [], border: [], "padding-left": 0, "padding-right": 2 },
    colAligns: isNumber.map((right) => (right ? "right" : "left")),
  });
  table.push(...rows.map((row) => row.map(cellText)));
  await write(process.stdout, `${withoutTrailingSpaces(table.toString())}\n`);
}

/** Prints names and values, one pair a line. */
export async function printPairs(pairs: readonly (readonly [string, Cell])[]): Promise<void> {
  const width = Math.max(...pairs.map(([name]) => name.length));
  await write(process.stdout, pairs.map(([name, value]) => `${name.padEnd(width)}  ${cellText(value)}\n`).join(""));
}

/** Clients choose the names of groups and of themselves: what commands a terminal is shown as it is written, not done. */
function cellText(cell: Cell): string {
  return String(cell).replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** No lines: columns that `cut` and `awk` can read as well. */
const BARE = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
} as const;

function withoutTrailingSpaces(text: string): string {
  return text.replace(/[ \t]+$/gm, "");
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `1.5 GiB`. */
export function bytesText(byteCount: number): string {
  let value = byteCount;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** `1,234,567`. */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** `3 h 20 min`. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** `0.4 s ago`; `–` for null. */
export function agoText(ms: number | null): string {
  if (ms === null) return "–";
  return `${ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : durationText(ms)} ago`;
}

/** `12 %`. */
export function percentText(ratio: number): string {
  const percent = 100 * ratio;
  return `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}
