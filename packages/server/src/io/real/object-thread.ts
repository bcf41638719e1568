// The thread of objects: keeps uploads and cold reads away from the main loop and from the runtime's thread pool.
// Reads are served at once, between two steps of the put in progress; puts one after the other.
import { parentPort, workerData } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import { ObjectStoreError, type PutPace, type StoredObject } from "../object-store.ts";
import { messageOf } from "./disk-errors.ts";
import { OBJECT_PAUSE_MS_MAX, OBJECT_RELAXED_PAUSES } from "./limits.ts";
import { ObjectDirectory } from "./object-directory.ts";
import {
  type ObjectAnswer,
  type ObjectCall,
  type ObjectResult,
  type ObjectThreadData,
  pieceSums,
  unpackPieces,
} from "./object-messages.ts";

const { root, create } = workerData as ObjectThreadData;
const port = must(parentPort, "the port of the thread of objects");
const directory = new ObjectDirectory(root);
const puts: { readonly id: number; readonly pace: PutPace; readonly steps: Generator<void, StoredObject> }[] = [];

/** Until it worked once: the directory may be away when the broker starts. */
let isPrepared = false;

function prepare(): void {
  if (isPrepared) return;
  if (create) directory.create();
  directory.removeTemporaries(Date.now());
  isPrepared = true;
}

function perform(call: ObjectCall): void {
  if (call.kind === "put") {
    puts.push({ id: call.id, pace: call.pace, steps: directory.put(call.key, unpackPieces(call)) });
    if (puts.length === 1) setImmediate(stepPut);
    return;
  }
  answer(call.id, () => {
    prepare();
    if (call.kind === "read") return read(call);
    if (call.kind === "head") return directory.head(call.key);
    if (call.kind === "list") return directory.list(call.prefix, call.after, call.countMax);
    return directory.remove(call.key) as undefined;
  });
}

/** No bytes, when they are where the caller wanted them. */
function read(call: Extract<ObjectCall, { kind: "read" }>): ObjectResult {
  const bytes = directory.read(call.key, call.start, call.end, call.target);
  return call.target === undefined ? bytes : pieceSums(call);
}

function stepPut(): void {
  const [put] = puts;
  if (put === undefined) return;
  const startMs = performance.now();
  let finished = true;
  answer(put.id, () => {
    prepare();
    const step = put.steps.next();
    finished = step.done === true;
    return finished ? (step.value as StoredObject) : NOT_YET;
  });
  if (finished) puts.shift();
  if (puts.length === 0) return;
  // The log lies on the same disk: a sync of an append must not wait behind one write of an object after the other.
  const pauseMs = Math.min(OBJECT_PAUSE_MS_MAX, (performance.now() - startMs) * OBJECT_RELAXED_PAUSES);
  if (puts.every(({ pace }) => pace === "relaxed")) setTimeout(stepPut, pauseMs);
  else setImmediate(stepPut);
}

const NOT_YET = Symbol("not yet");

function answer(id: number, act: () => ObjectResult | typeof NOT_YET): void {
  try {
    const result = act();
    if (result === NOT_YET) return;
    const transfer = result instanceof Uint8Array ? [result.buffer as ArrayBuffer] : [];
    port.postMessage({ id, ok: true, result } satisfies ObjectAnswer, transfer);
  } catch (error) {
    const code = error instanceof ObjectStoreError ? error.code : "unavailable";
    port.postMessage({ id, ok: false, code, message: messageOf(error) } satisfies ObjectAnswer);
  }
}

port.on("message", perform);
