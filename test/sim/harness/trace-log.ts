import type { Log, LogFields } from "@tidemq/server/telemetry/log.ts";

/** The broker's log, as lines of a trace. */
export class TraceLog implements Log {
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  debug(message: string, fields?: LogFields): void {
    this.#say("debug", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#say("info", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#say("warn", message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#say("error", message, fields);
  }

  with(fields: LogFields): Log {
    return new TraceLog((line) => this.#print(`${line} ${JSON.stringify(fields)}`));
  }

  #say(level: string, message: string, fields: LogFields = {}): void {
    this.#print(`${level}: ${message} ${JSON.stringify(fields)}`);
  }
}
