/** A promise of the product was seen broken. `checker` names which one watches over it. */
export class CheckFailure extends Error {
  override readonly name = "CheckFailure";
  readonly checker: string;

  constructor(checker: string, message: string) {
    super(message);
    this.checker = checker;
  }
}

/** @throws {CheckFailure} Unless `condition`. */
export function check(condition: boolean, checker: string, message: string | (() => string)): asserts condition {
  if (!condition) throw new CheckFailure(checker, typeof message === "string" ? message : message());
}
