/** A broken program, not a failed operation: never caught below `process/`, it ends the process. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/** Checks something that is ours to keep. What a socket, a disk or a peer brings is checked and refused instead. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** In the default branch of a switch over a union: a new member without a branch is a compile error. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable value ${JSON.stringify(value)}`);
}

/** The value, which the program's own order of events guarantees to be there. */
export function must<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new InvariantViolation(`${what} is missing`);
  return value;
}
