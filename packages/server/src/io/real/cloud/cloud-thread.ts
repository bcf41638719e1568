// The thread of objects of a cloud: encryption and checksums stay away from the main loop. Loads the library of one kind of store.
import { parentPort, workerData } from "node:worker_threads";
import { must } from "../../../base/assert.ts";
import { ObjectStoreError } from "../../object-store.ts";
import { messageOf } from "../disk-errors.ts";
import { type ObjectAnswer, type ObjectCall, type ObjectResult, pieceSums, unpackPieces } from "../object-messages.ts";
import type { BucketPlace } from "./bucket.ts";
import { CallTurns } from "./call-turns.ts";
import { CloudCalls } from "./cloud-calls.ts";
import { CALLS_MAX } from "./limits.ts";
import { ObjectBody } from "./object-body.ts";
import { openBucket } from "./open-bucket.ts";

// Warnings of libraries would stand between the lines of the log; what matters of them comes back as an error.
process.removeAllListeners("warning");

const port = must(parentPort, "the port of the thread of objects");
const calls = new CloudCalls(openBucket(workerData as BucketPlace), new CallTurns(CALLS_MAX));

function perform(call: ObjectCall): Promise<ObjectResult> {
  switch (call.kind) {
    case "put":
      return calls.put(call.key, new ObjectBody(unpackPieces(call)));
    case "read":
      return calls.read(call.key, call.start, call.end, call.target);
    case "head":
      return calls.head(call.key);
    case "list":
      return calls.list(call.prefix, call.after, call.countMax);
    case "remove":
      return calls.remove(call.key).then(() => undefined);
  }
}

async function answer(call: ObjectCall): Promise<void> {
  const { id } = call;
  try {
    const result = await perform(call);
    // What was read into shared memory is there already.
    if (call.kind === "read" && call.target !== undefined) return post({ id, ok: true, result: pieceSums(call) });
    post({ id, ok: true, result }, result instanceof Uint8Array ? [result.buffer as ArrayBuffer] : []);
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    post({ id, ok: false, code: error.code, message: messageOf(error) });
  }
}

function post(message: ObjectAnswer, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

port.on("message", (call: ObjectCall) => void answer(call));
