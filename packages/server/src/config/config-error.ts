import { QueueError } from "../base/errors.ts";
import { PROBLEMS_MAX } from "./limits.ts";

/** Everything that is wrong with a configuration. The message names all of it, one problem a line. */
export class ConfigError extends QueueError {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const told = problems.slice(0, PROBLEMS_MAX);
    const more = problems.length > told.length ? `\n  and ${problems.length - told.length} more` : "";
    super(
      "START_REFUSED",
      `the configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n  ${told.join("\n  ")}${more}`,
    );
    this.problems = problems;
  }
}
