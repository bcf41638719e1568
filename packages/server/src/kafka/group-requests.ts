import { Buffer } from "node:buffer";
import { type Random, uuid4 } from "../io/random.ts";

/** What the id of a member ends with. */
export function randomUuid(random: Random): string {
  const hex = Buffer.from(uuid4(random)).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
