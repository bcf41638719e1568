import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A place in a file. */
export type Place = Readonly<{ file: string; position: number }>;

/** Where these bytes stand in the files of a folder and the folders in it; the last place when there are several. @throws Error Nowhere. */
export function placeOf(folder: string, bytes: Uint8Array): Place {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort().reverse()) {
    const file = join(folder, name);
    if (!statSync(file).isFile()) continue;
    const position = readFileSync(file).lastIndexOf(bytes);
    if (position >= 0) return { file, position };
  }
  throw new Error(`nowhere in ${folder}`);
}

/** Turns one bit around. */
export function flipBit({ file, position }: Place): void {
  const descriptor = openSync(file, "r+");
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, position);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  writeSync(descriptor, byte, 0, 1, position);
  closeSync(descriptor);
}

/** Writes over what is there. */
export function overwrite({ file, position }: Place, bytes: Uint8Array): void {
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, bytes, 0, bytes.byteLength, position);
  closeSync(descriptor);
}
