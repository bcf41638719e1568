// The thread of objects: keeps uploads and cold reads away from the main loop and from the runtime's thread pool.
// Puts one after the other, in steps, between which other calls are served; each of both gets its share of the time.
import { parentPort, workerData } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import { ObjectStoreError, type PutPace, type StoredObject } from "../object-store.ts";
import { messageOf } from "./disk-errors.ts";
import { ObjectDirectory } from "./object-directory.ts";
import {
  type ObjectAnswer,
  type ObjectCall,
  type ObjectResult,
  type ObjectThreadData,
  pieceSums,
  unpackPieces,
} from "./object-messages.ts";
import { PutShare } from "./put-share.ts";

type Put = Readonly<{ id: number; pace: PutPace; steps: Generator<void, StoredObject> }>;
type OtherCall = Exclude<ObjectCall, { kind: "put" }>;

const { root, create } = workerData as ObjectThreadData;
const port = must(parentPort, "the port of the thread of objects");
const directory = new ObjectDirectory(root);
const puts: Put[] = [];
const calls: OtherCall[] = [];
const share = new PutShare();
let turnIsPlanned = false;
let pause: NodeJS.Timeout | undefined;

/** Until it worked once: the directory may be away when the broker starts. */
let isPrepared = false;

function prepare(): void {
  if (isPrepared) return;
  if (create) directory.create();
  directory.removeTemporaries(Date.now());
  isPrepared = true;
}

function take(call: ObjectCall): void {
  if (call.kind === "put") puts.push({ id: call.id, pace: call.pace, steps: directory.put(call.key, unpackPieces(call)) });
  else calls.push(call);
  planTurn();
}

/** One step or call a turn: the port hands over all that came, a thousand messages and more, before anything else gets its turn. */
function planTurn(): void {
  if (turnIsPlanned) return;
  turnIsPlanned = true;
  clearTimeout(pause);
  setImmediate(turn);
}

function turn(): void {
  turnIsPlanned = false;
  const [put] = puts;
  const startMs = performance.now();
  const waitMs = put === undefined ? Number.POSITIVE_INFINITY : share.waitMs(startMs, pace(), calls.length > 0);
  if (put !== undefined && waitMs <= 0) {
    step(put);
    share.stepped(startMs, performance.now());
  } else if (calls.length > 0) {
    serve(calls.shift() as OtherCall);
    share.served(startMs, performance.now(), put !== undefined);
  } else {
    if (put !== undefined) pause = setTimeout(planTurn, waitMs);
    return;
  }
  planTurn();
}

/** Of the put in progress: one that has time does not hold up those behind it. */
function pace(): PutPace {
  return puts.every((put) => put.pace === "relaxed") ? "relaxed" : "urgent";
}

function serve(call: OtherCall): void {
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

function step(put: Put): void {
  let finished = true;
  answer(put.id, () => {
    prepare();
    const { done, value } = put.steps.next();
    finished = done === true;
    return finished ? (value as StoredObject) : NOT_YET;
  });
  if (finished) puts.shift();
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

port.on("message", take);
