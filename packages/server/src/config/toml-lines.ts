import { parse } from "smol-toml";

/** Where a value stands in a document: keys, and indexes within arrays. */
export type TomlPath = readonly (string | number)[];

/**
 * The line of every key, section and item of a TOML document, which the parser does not keep. One that is not in the document
 * has the line of what it would stand in.
 * @param text Which the parser accepted; of anything else the answers mean nothing.
 */
export function tomlLines(text: string): (path: TomlPath) => number {
  const scan = new LineScan(text);
  scan.document();
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const line = scan.lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };
}

const BLANK = /[ \t]/;
const BARE_KEY = /[\w-]/;
/** Ends a number, a date, a boolean. */
const AFTER_BARE_VALUE = /[,\]}#\s]/;

class LineScan {
  /** By the path as JSON; the first place counts. */
  readonly lines = new Map<string, number>();
  readonly #text: string;
  /** Items so far of each array of sections. */
  readonly #sections = new Map<string, number>();
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    let section: TomlPath = [];
    for (this.#skipToItem(); this.#at < this.#text.length; this.#skipToItem()) {
      if (this.#peek() === "[") section = this.#header();
      else this.#keyAndValue(section);
    }
  }

  #header(): TomlPath {
    const isOfMany = this.#text[this.#at + 1] === "[";
    const line = this.#line;
    this.#advance(isOfMany ? 2 : 1);
    const path: (string | number)[] = [];
    for (const key of this.#key()) {
      this.#stepIntoLast(path);
      path.push(key);
      this.#note(path, line);
    }
    this.#advance(isOfMany ? 2 : 1);
    if (!isOfMany) return path;
    const count = this.#sections.get(JSON.stringify(path)) ?? 0;
    this.#sections.set(JSON.stringify(path), count + 1);
    path.push(count);
    this.#note(path, line);
    return path;
  }

  /** A header below an array of sections means the last of them. */
  #stepIntoLast(path: (string | number)[]): void {
    const count = this.#sections.get(JSON.stringify(path));
    if (count !== undefined) path.push(count - 1);
  }

  #keyAndValue(section: TomlPath): void {
    const line = this.#line;
    const path = [...section];
    for (const key of this.#key()) {
      path.push(key);
      this.#note(path, line);
    }
    this.#advance(1);
    this.#value(path);
  }

  /** The parts of a key, up to the `=` or `]` behind it. */
  #key(): string[] {
    const parts: string[] = [];
    for (;;) {
      this.#skipBlanks();
      parts.push(this.#keyPart());
      this.#skipBlanks();
      if (this.#peek() !== ".") return parts;
      this.#advance(1);
    }
  }

  #keyPart(): string {
    const from = this.#at;
    const quote = this.#peek();
    if (quote === '"' || quote === "'") {
      this.#string(quote);
      return unquoted(this.#text.slice(from, this.#at));
    }
    while (BARE_KEY.test(this.#peek())) this.#advance(1);
    return this.#text.slice(from, this.#at);
  }

  #value(path: TomlPath): void {
    this.#skipBlanks();
    const first = this.#peek();
    if (first === '"' || first === "'") this.#string(first);
    else if (first === "[") this.#items("]", (index) => this.#item([...path, index]));
    else if (first === "{") this.#items("}", () => this.#keyAndValue(path));
    else while (this.#at < this.#text.length && !AFTER_BARE_VALUE.test(this.#peek())) this.#advance(1);
  }

  #items(end: string, read: (index: number) => void): void {
    this.#advance(1);
    for (let index = 0; ; index++) {
      this.#skipToItem();
      if (this.#peek() === end || this.#at >= this.#text.length) break;
      const before = this.#at;
      read(index);
      if (this.#at === before) return; // not TOML, whatever the parser said
    }
    this.#advance(1);
  }

  #item(path: TomlPath): void {
    this.#note(path, this.#line);
    this.#value(path);
  }

  #string(quote: string): void {
    const long = quote.repeat(3);
    const end = this.#text.startsWith(long, this.#at) ? long : quote;
    this.#advance(end.length);
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at))
      this.#advance(quote === '"' && this.#peek() === "\\" ? 2 : 1);
    this.#advance(end.length);
    // A long string may end with up to two quotes of its own.
    while (end === long && this.#peek() === quote) this.#advance(1);
  }

  #note(path: TomlPath, line: number): void {
    const key = JSON.stringify(path);
    if (!this.lines.has(key)) this.lines.set(key, line);
  }

  /** Over blanks, ends of lines, comments and commas. */
  #skipToItem(): void {
    for (; this.#at < this.#text.length; this.#advance(1)) {
      if (this.#peek() === "#") while (this.#at < this.#text.length && this.#peek() !== "\n") this.#advance(1);
      if (!/[\s,]/.test(this.#peek())) return;
    }
  }

  #skipBlanks(): void {
    while (BLANK.test(this.#peek())) this.#advance(1);
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #advance(count: number): void {
    for (const end = this.#at + count; this.#at < end; this.#at++) if (this.#text[this.#at] === "\n") this.#line++;
  }
}

/** A quoted key, by the parser's own rules. */
function unquoted(key: string): string {
  try {
    return Object.keys(parse(`${key} = 0`))[0] ?? key;
  } catch {
    return key;
  }
}
