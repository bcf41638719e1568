/** Frees files (see docs/rfcs/0001-wal.md). */
export class Reuse {
  wake(): void {
    // Emptying files is not implemented yet: until then the log refuses appends when it is full.
  }
}
