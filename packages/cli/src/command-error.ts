import { ClientError } from "@tidemq/client/errors.ts";
import { ExitCode } from "./exit-codes.ts";

/** Wrong use of a command. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A failure with advice, for people. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** What to do now. */
  readonly next: string | undefined;

  constructor(message: string, next?: string, options?: ErrorOptions) {
    super(message, options);
    this.next = next;
  }
}

/** Where the command wanted to connect; its advice depends on it. */
export type Attempt = Readonly<{ bootstrap: string }>;

/** What to print of a failure, and the exit code. */
export function describeFailure(thrown: unknown, attempt: Attempt | undefined): Readonly<{ text: string; exitCode: number }> {
  if (thrown instanceof UsageError) return { text: `tidemq: ${thrown.message}\n`, exitCode: ExitCode.USAGE };
  if (thrown instanceof CommandError) return { text: withAdvice(thrown.message, thrown.next), exitCode: ExitCode.FAILED };
  if (thrown instanceof ClientError) return { text: withAdvice(thrown.message, adviceFor(thrown, attempt)), exitCode: ExitCode.FAILED };
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  // The system's errors, and the server's, which say themselves what to do.
  if (code !== undefined && !code.startsWith("ERR_") && thrown instanceof Error)
    return { text: withAdvice(thrown.message, undefined), exitCode: ExitCode.FAILED };
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return {
    text: withAdvice(`internal error: ${text}`, "This is a bug; please report it with the command you ran."),
    exitCode: ExitCode.FAILED,
  };
}

function adviceFor(error: ClientError, attempt: Attempt | undefined): string {
  if (error.code === "CONNECTION_REFUSED" && attempt !== undefined) {
    return `Is the server running? Start it with: ./tidemq start — or name another address: --bootstrap HOST:PORT (now ${attempt.bootstrap})`;
  }
  if (error.code === "UNKNOWN_TOPIC_OR_PARTITION" && error.place.partition === undefined) {
    const name = error.place.topic ?? "NAME";
    return `See what there is: tidemq topic list — or create it: tidemq topic create ${name}`;
  }
  if (error.code === "GROUP_ID_NOT_FOUND") return "See what there is: tidemq group list";
  if (error.code === "NON_EMPTY_GROUP") return "Stop its members first; see them: tidemq group describe NAME";
  if (error.code === "TOPIC_ALREADY_EXISTS") return `See it: tidemq topic describe ${error.place.topic ?? "NAME"}`;
  return error.next;
}

function withAdvice(message: string, next: string | undefined): string {
  return next === undefined ? `tidemq: ${message}\n` : `tidemq: ${message}\n  ${next}\n`;
}
