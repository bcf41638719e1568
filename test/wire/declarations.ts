import { readdirSync } from "node:fs";
import type { Message } from "@tidemq/protocol/schema.ts";

const MESSAGES = new URL("../../packages/protocol/src/messages/", import.meta.url);

/** Every message that is declared, found by reading the folder: a new file is tested without being named here. */
export async function declaredMessages(): Promise<readonly Message[]> {
  const found: Message[] = [];
  for (const file of readdirSync(MESSAGES)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .sort()) {
    const exports = (await import(new URL(file, MESSAGES).href)) as Record<string, unknown>;
    found.push(...Object.values(exports).filter(isMessage));
  }
  return found;
}

export function versionsOf(message: Message): readonly number[] {
  return Array.from({ length: message.versions.max - message.versions.min + 1 }, (_, i) => message.versions.min + i);
}

function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && "fields" in value && "versions" in value && "kind" in value;
}
