import { StringDecoder } from "node:string_decoder";
import { LINE_CHARS_MAX } from "./limits.ts";

/** Cuts what a process writes into lines. */
export class LineCutter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #line: (text: string) => void;
  #rest = "";

  constructor(line: (text: string) => void) {
    this.#line = line;
  }

  take(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    for (; this.#rest.length > LINE_CHARS_MAX; this.#rest = this.#rest.slice(LINE_CHARS_MAX))
      this.#line(this.#rest.slice(0, LINE_CHARS_MAX));
  }

  /** A last line may have no end. */
  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
  }
}

/** A line of a server's log, which is JSON when it goes to a pipe, as people read it. Any other line stays as it is. */
export function readableLine(line: string): string {
  const fields = jsonFields(line);
  if (fields === undefined || typeof fields["msg"] !== "string") return line;
  const { level, time, msg, ...others } = fields;
  const clock = typeof time === "string" ? `${time.slice(11, 23)} ` : "";
  const rest = Object.entries(others).map(([name, value]) => ` ${name}=${valueText(value)}`);
  return `${clock}${(typeof level === "string" ? level : "").padEnd(5)} ${msg}${rest.join("")}`;
}

function jsonFields(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A stack in the log has lines of its own; nobody sees where it ends unless it is quoted. */
function valueText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[^\s"=\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text);
}

const COLOURS = [36, 33, 32, 35, 34, 31] as const;

/** `broker-1 | …`; each place has a colour of its own. */
export function prefixed(name: string, width: number, place: number, coloured: boolean, line: string): string {
  const head = `${name.padEnd(width)} |`;
  return coloured ? `\u001b[${COLOURS[place % COLOURS.length]}m${head}\u001b[0m ${line}` : `${head} ${line}`;
}
