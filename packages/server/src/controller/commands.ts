import type { Command, Outcome } from "../cluster/commands.ts";

/** Where commands go: into the log itself, or to the controller that writes it. */
export interface Commands {
  /**
   * Appends one command; resolves with the state machine's answer, a refusal included, once this process has applied it. Rejects
   * with QueueError: NOT_CONTROLLER, OVERLOADED, DISK_FULL, SHUTTING_DOWN: not appended; REQUEST_TIMED_OUT: nobody knows.
   */
  submit<C extends Command>(command: C): Promise<Outcome<C["kind"]>>;

  /** Refuses what comes from now on and ends what is under way. */
  close(): Promise<void>;
}
