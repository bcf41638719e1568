import { ObjectStoreError, type StoredObject } from "../../object-store.ts";
import type { ObjectCall } from "../object-messages.ts";
import type { CloudBucket } from "./bucket.ts";
import type { CallTurns } from "./call-turns.ts";
import { type CallContext, noAnswerInTime, noConnection } from "./cloud-errors.ts";
import { END_MS_MAX, READ_MS_MAX, WRITE_MS_MAX } from "./limits.ts";
import type { ObjectBody } from "./object-body.ts";

/** A bucket, and what its calls say of themselves in errors. */
export type OpenedBucket = Readonly<{ bucket: CloudBucket; place: string; credentialsAdvice: string }>;

/** Times of calls: tests make them short. */
export type CallLimits = Readonly<{ readMs: number; writeMs: number; endMs?: number }>;

/** Calls of a bucket with what all kinds share: the time that each may take, their number, and errors of one kind. */
export class CloudCalls {
  readonly #opened: Promise<OpenedBucket>;
  readonly #turns: CallTurns;
  readonly #limits: CallLimits;

  constructor(opened: Promise<OpenedBucket>, turns: CallTurns, limits: CallLimits = { readMs: READ_MS_MAX, writeMs: WRITE_MS_MAX }) {
    this.#opened = opened;
    opened.catch(() => undefined); // told by every call
    this.#turns = turns;
    this.#limits = limits;
  }

  put(key: string, body: ObjectBody): Promise<StoredObject> {
    return this.#call("put", key, (bucket, signal) => bucket.put(key, body, signal));
  }

  /** An empty range only asks whether the object reaches so far. */
  read(key: string, start: number, end: number, target: Uint8Array | undefined): Promise<Uint8Array> {
    return this.#call("read", key, async (bucket, signal) => {
      if (start < end) return bucket.read(key, { start, end }, target, signal);
      const stored = await bucket.head(key, signal);
      if (stored === undefined) throw new ObjectStoreError("not-found", `no such object. key=${key}`);
      if (end > stored.bytes) throw new ObjectStoreError("range", `the object is shorter than ${end} bytes. key=${key}`);
      return target ?? new Uint8Array();
    });
  }

  head(key: string): Promise<StoredObject | undefined> {
    return this.#call("head", key, (bucket, signal) => bucket.head(key, signal));
  }

  list(prefix: string, after: string, countMax: number): Promise<readonly string[]> {
    return this.#call("list", "", (bucket, signal) => bucket.list(prefix, after, countMax, signal));
  }

  remove(key: string): Promise<void> {
    return this.#call("remove", key, (bucket, signal) => bucket.remove(key, signal));
  }

  async #call<T>(kind: ObjectCall["kind"], key: string, act: (bucket: CloudBucket, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { bucket, place, credentialsAdvice } = await this.#opened;
    const context: CallContext = { call: kind, key, place, credentialsAdvice };
    const ms = kind === "put" ? this.#limits.writeMs : this.#limits.readMs;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), ms);
    try {
      const acted = this.#turns.run(abort.signal, () => act(bucket, abort.signal));
      return await endingSoonAfter(abort.signal, this.#limits.endMs ?? END_MS_MAX, acted);
    } catch (error) {
      if (abort.signal.aborted && !isVerdict(error)) throw noAnswerInTime(context, ms);
      if (error instanceof ObjectStoreError) throw error;
      throw noConnection(context, errorWord(error));
    } finally {
      clearTimeout(timer);
      // An answer may come before the request was taken whole. What is complete has given its connection back by the next turn.
      setImmediate(() => abort.abort());
    }
  }
}

/** Finding credentials heeds no signal, and may take for ever: a program of the user's is asked, or a service. */
function endingSoonAfter<T>(signal: AbortSignal, ms: number, acted: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      timer = setTimeout(() => reject(signal.reason), ms);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    acted.finally(end).then(resolve, reject);
  });
}

/** The store had decided before the time was over. */
function isVerdict(error: unknown): boolean {
  return error instanceof ObjectStoreError && error.code !== "unavailable" && error.code !== "unknown";
}

/**
 * The code of a system's error, which libraries wrap, with `read` or `write` in front when the connection stood already; else
 * its name. Never its text, which may quote what is secret.
 */
export function errorWord(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { code, syscall } = at as NodeJS.ErrnoException;
    const stood = syscall === "read" || syscall === "write" ? `${syscall} ` : "";
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code) && code !== "REQUEST_SEND_ERROR") return stood + code;
    if (at instanceof AggregateError && at.errors[0] instanceof Error) return errorWord(at.errors[0]);
  }
  return error instanceof Error ? error.name : "unknown";
}
