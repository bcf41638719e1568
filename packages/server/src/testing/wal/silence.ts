import type { Log } from "../../telemetry/log.ts";

/** Keeps warnings and errors for whoever asks. */
export class Silence implements Log {
  readonly lines: string[] = [];
  debug(): void {}
  info(): void {}
  warn(message: string): void {
    this.lines.push(message);
  }
  error(message: string): void {
    this.lines.push(message);
  }
  with(): Log {
    return this;
  }
}
