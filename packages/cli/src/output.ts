import type { Writable } from "node:stream";
import { UsageError } from "./command-error.ts";

export type OutputForm = "table" | "json";

/** @throws {UsageError} */
export function parseOutputForm(text: string): OutputForm {
  if (text === "table" || text === "json") return text;
  throw new UsageError(`--output is table or json, not ${text}`);
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

export function printJson(value: unknown): Promise<void> {
  return write(process.stdout, `${JSON.stringify(value, undefined, 2)}\n`);
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
  table.push(...rows.map((row) => row.map((cell) => String(cell))));
  await write(process.stdout, `${withoutTrailingSpaces(table.toString())}\n`);
}

/** Prints names and values, one pair a line. */
export async function printPairs(pairs: readonly (readonly [string, Cell])[]): Promise<void> {
  const width = Math.max(...pairs.map(([name]) => name.length));
  await write(process.stdout, pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join(""));
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
