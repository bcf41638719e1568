/**
 * TypeScript source with what is not code blanked out (spaces, so that lines and columns stay): comments always,
 * the contents of strings, templates and regular expressions unless `keepStrings`. A scanner, not a parser: the compiler of
 * this version has no API. Where a `/` begins a regular expression is judged by what stands before it.
 */
export function codeText(source: string, keepStrings: boolean = false): string {
  return new Scanner(source, keepStrings).run();
}

const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|yield|await))\s*$/;

class Scanner {
  readonly #source: string;
  readonly #keepStrings: boolean;
  readonly #out: string[] = [];
  #at = 0;
  /** One entry per open `${`: how many `{` are open inside it. */
  readonly #templateDepths: number[] = [];

  constructor(source: string, keepStrings: boolean) {
    this.#source = source;
    this.#keepStrings = keepStrings;
  }

  run(): string {
    while (this.#at < this.#source.length) this.#step();
    return this.#out.join("");
  }

  #step(): void {
    const two = this.#source.slice(this.#at, this.#at + 2);
    const one = two[0] ?? "";
    if (two === "//") this.#blank(this.#find("\n", this.#at));
    else if (two === "/*") this.#blank(this.#find("*/", this.#at + 2) + 2);
    else if (one === '"' || one === "'") this.#string(one);
    else if (one === "`") this.#template();
    else if (one === "/" && BEFORE_REGEX.test(this.#lastCode())) this.#regex();
    else this.#code(one);
  }

  #code(char: string): void {
    const depth = this.#templateDepths.at(-1);
    if (depth !== undefined && char === "{") this.#templateDepths[this.#templateDepths.length - 1] = depth + 1;
    if (depth !== undefined && char === "}") {
      if (depth === 0) {
        this.#templateDepths.pop();
        return this.#template();
      }
      this.#templateDepths[this.#templateDepths.length - 1] = depth - 1;
    }
    this.#out.push(char);
    this.#at += 1;
  }

  #string(quote: string): void {
    let end = this.#at + 1;
    while (end < this.#source.length && this.#source[end] !== quote && this.#source[end] !== "\n")
      end += this.#source[end] === "\\" ? 2 : 1;
    this.#quoted(end + 1);
  }

  /** From a backtick, or from the brace that closes an expression, to the next backtick or `${`. */
  #template(): void {
    let end = this.#at + 1;
    while (end < this.#source.length && this.#source[end] !== "`" && !this.#source.startsWith("${", end))
      end += this.#source[end] === "\\" ? 2 : 1;
    if (this.#source.startsWith("${", end)) {
      this.#quoted(end + 2, 2);
      this.#templateDepths.push(0);
      return;
    }
    this.#quoted(end + 1);
  }

  #regex(): void {
    let end = this.#at + 1;
    for (let inClass = false; end < this.#source.length && this.#source[end] !== "\n"; end++) {
      const char = this.#source[end];
      if (char === "\\") end++;
      else if (char === "[") inClass = true;
      else if (char === "]") inClass = false;
      else if (char === "/" && !inClass) break;
    }
    this.#quoted(end + 1);
  }

  /** Keeps the first character and the last `tail`, which delimit. */
  #quoted(end: number, tail: number = 1): void {
    if (this.#keepStrings) {
      this.#out.push(this.#source.slice(this.#at, end));
      this.#at = end;
      return;
    }
    this.#out.push(this.#source[this.#at] ?? "");
    this.#at += 1;
    this.#blank(Math.max(this.#at, end - tail));
    this.#out.push(this.#source.slice(this.#at, end));
    this.#at = end;
  }

  #blank(end: number): void {
    this.#out.push(this.#source.slice(this.#at, end).replace(/[^\n]/g, " "));
    this.#at = Math.min(end, this.#source.length);
  }

  #find(what: string, from: number): number {
    const at = this.#source.indexOf(what, from);
    return at < 0 ? this.#source.length : at;
  }

  #lastCode(): string {
    return this.#out.slice(-40).join("").slice(-40);
  }
}

/** The line (from 1) in which a character stands. */
export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
