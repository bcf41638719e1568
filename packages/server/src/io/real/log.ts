import { pino } from "pino";
import type { Log, LogFields } from "../../telemetry/log.ts";
import { LOG_BYTES_MAX } from "./limits.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export type LogOptions = Readonly<{
  level: LogLevel;
  /** `text`: one line for people; `json`: one object a line; `auto`: text on a terminal. */
  format: "auto" | "text" | "json";
}>;

type Destination = Readonly<{ write(line: string): boolean }>;

const COLOURS: Readonly<Record<LogLevel, number>> = { debug: 90, info: 32, warn: 33, error: 31 };

/**
 * The process's log, on standard error, so that standard output belongs to the answers of a command. Written beside
 * the loop: a reader that stands still never stops the broker, what does not fit in LOG_BYTES_MAX then is dropped.
 * The last words of a process are written when it exits, by `process.exit` or an uncaught exception, too.
 */
export function createLog(options: LogOptions): Log {
  const destination = pino.destination({ dest: 2, sync: false, maxLength: LOG_BYTES_MAX });
  const isTerminal = process.stderr.isTTY;
  if (options.format === "text" || (options.format === "auto" && isTerminal))
    return new TextLog(destination, options.level, isTerminal, "");
  const base = { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label: string) => ({ level: label }) } };
  return new JsonLog(pino({ ...base, level: options.level }, destination));
}

/** pino's lines: `{"level":"warn","time":"2026-…Z","msg":"…", …fields}`. */
class JsonLog implements Log {
  readonly #pino: pino.Logger;

  constructor(logger: pino.Logger) {
    this.#pino = logger;
  }

  debug(message: string, fields?: LogFields): void {
    this.#pino.debug(fields ?? {}, message);
  }

  info(message: string, fields?: LogFields): void {
    this.#pino.info(fields ?? {}, message);
  }

  warn(message: string, fields?: LogFields): void {
    this.#pino.warn(fields ?? {}, message);
  }

  error(message: string, fields?: LogFields): void {
    this.#pino.error(fields ?? {}, message);
  }

  with(fields: LogFields): Log {
    return new JsonLog(this.#pino.child(fields));
  }
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** `12:34:56.789 warn  message key=value`. */
class TextLog implements Log {
  readonly #destination: Destination;
  readonly #level: LogLevel;
  readonly #coloured: boolean;
  readonly #suffix: string;

  constructor(destination: Destination, level: LogLevel, coloured: boolean, suffix: string) {
    this.#destination = destination;
    this.#level = level;
    this.#coloured = coloured;
    this.#suffix = suffix;
  }

  debug(message: string, fields?: LogFields): void {
    this.#line("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#line("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#line("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#line("error", message, fields);
  }

  with(fields: LogFields): Log {
    return new TextLog(this.#destination, this.#level, this.#coloured, this.#suffix + fieldsText(fields));
  }

  #line(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#level)) return;
    const time = new Date().toISOString().slice(11, 23);
    const label = level.padEnd(5);
    const shown = this.#coloured ? `\u001b[${COLOURS[level]}m${label}\u001b[0m` : label;
    this.#destination.write(`${time} ${shown} ${message}${this.#suffix}${fields === undefined ? "" : fieldsText(fields)}\n`);
  }
}

function fieldsText(fields: LogFields): string {
  let text = "";
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) text += ` ${key}=${valueText(value)}`;
  return text;
}

/** Quoted when it could be taken for two words, or change the terminal. */
function valueText(value: string | number | boolean): string {
  const text = String(value);
  return /^[^\s"=\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text);
}
