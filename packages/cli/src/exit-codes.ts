/** What a script can rely on. */
export const ExitCode = {
  OK: 0,
  /** The operation failed. */
  FAILED: 1,
  /** The command line makes no sense. */
  USAGE: 2,
  /** Ended by Ctrl-C before it was done: 128 + SIGINT. */
  INTERRUPTED: 130,
} as const;
