import { Buffer } from "node:buffer";
import { QueueError } from "../../base/errors.ts";
import { ObjectStoreError } from "../../io/object-store.ts";
import type { PatientStore } from "./patient-store.ts";

/**
 * Whether the store refuses a second creator of a key, on which everything here rests. Resolves when it does; false when
 * the store did not answer well enough to tell.
 * @param key A fresh one.
 * @throws {QueueError} START_REFUSED: it creates a key twice.
 */
export async function refusesSecondCreate(store: PatientStore, key: string): Promise<boolean> {
  try {
    await store.createOnce(key, Buffer.from("first"));
  } catch (error) {
    if (error instanceof ObjectStoreError) return false;
    throw error;
  }
  const second = await outcomeOfSecond(store, key);
  if (second === "created")
    throw new QueueError(
      "START_REFUSED",
      "object storage lets two create the same key: a metadata log in it would lose what was decided. " +
        `Use one that honours If-None-Match, as S3, Google and Azure do, or another kind of metadata log. key=${key}`,
    );
  if (second === "exists") await store.remove(key);
  return second === "exists";
}

async function outcomeOfSecond(store: PatientStore, key: string): Promise<"created" | "exists" | "unknown"> {
  try {
    await store.createOnce(key, Buffer.from("second"));
    return "created";
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    return error.code === "exists" ? "exists" : "unknown";
  }
}
