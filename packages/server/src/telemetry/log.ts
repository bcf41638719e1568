/** Structured log. Messages are constant text; what varies goes into `fields`. Never record bytes, never secrets. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
  with(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
