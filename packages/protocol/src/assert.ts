/** A broken program, not a failed operation. The server's process ends on any error of this name. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/** Checks something that is ours to keep. What comes from a socket is checked and refused with a ProtocolError instead. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}
