import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { GoogleAuth } from "google-auth-library";
import { ObjectStoreError, type StoredObject } from "../../object-store.ts";
import { type BucketPlace, type ByteRange, type CloudBucket, placeText } from "./bucket.ts";
import { errorWord, type OpenedBucket } from "./cloud-calls.ts";
import { type CallContext, noConnection, noCredentials, refusal, storeError } from "./cloud-errors.ts";
import { HttpRequests, readWhole } from "./http-request.ts";
import { LIST_NAMES_MAX } from "./limits.ts";
import { crcOfText, crcText, type ObjectBody } from "./object-body.ts";
import { readRange } from "./range-reading.ts";

const GOOGLE = "https://storage.googleapis.com";
const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";
const CREDENTIALS_ADVICE =
  "Google credentials come from GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login, a workload identity, or the instance; " +
  "they need the role Storage Object User on the bucket";

/**
 * Google Cloud Storage over its JSON interface: five requests need no library of their own but for credentials.
 * Over plain HTTP no token is sent, so that an endpoint for tests needs none and no mistake gives one away.
 */
export function openGcs(place: BucketPlace): OpenedBucket {
  const texts = { place: placeText(place), credentialsAdvice: CREDENTIALS_ADVICE };
  return { ...texts, bucket: new GcsBucket(place, texts) };
}

/** Of an error of the network, where the library's own have names. */
const SYSTEM_CODE = /^((read|write) )?E[A-Z0-9_]+$/;

type Texts = Readonly<{ place: string; credentialsAdvice: string }>;
/** The fields of an object's description that are asked for. */
type Description = Readonly<{ name?: string; size?: string; crc32c?: string }>;

class GcsBucket implements CloudBucket {
  readonly #root: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #texts: Texts;
  readonly #auth: GoogleAuth | undefined;
  readonly #http = new HttpRequests();

  constructor({ endpoint = GOOGLE, bucket, prefix }: BucketPlace, texts: Texts) {
    this.#root = endpoint.replace(/\/$/, "");
    this.#bucket = encodeURIComponent(bucket);
    this.#prefix = prefix;
    this.#texts = texts;
    this.#auth = endpoint.startsWith("https:") ? new GoogleAuth({ scopes: [SCOPE] }) : undefined;
  }

  async put(key: string, body: ObjectBody, signal: AbortSignal): Promise<StoredObject> {
    const context = { call: "put", key, ...this.#texts } as const;
    // The checksum travels in front of the bytes: the store refuses other ones.
    const description = JSON.stringify({ name: this.#prefix + key, crc32c: crcText(await body.crc32c()) });
    // Drawn anew each time: records that hold it would cut their object short.
    const boundary = randomUUID();
    const front = Buffer.from(
      `--${boundary}\r\nContent-Type: application/json\r\n\r\n${description}\r\n` +
        `--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`,
    );
    const back = Buffer.from(`\r\n--${boundary}--\r\n`);
    const bytes = front.byteLength + body.bytes + back.byteLength;
    const answer = await this.#ask(context, signal, "POST", `/upload/storage/v1/b/${this.#bucket}/o`, {
      query: { uploadType: "multipart", ifGenerationMatch: "0", fields: "size,crc32c" },
      headers: { "content-type": `multipart/related; boundary=${boundary}`, "content-length": String(bytes) },
      body: Readable.from(framed(front, body, back), { objectMode: false }),
    });
    return storedOf(context, await this.#json(context, answer));
  }

  async read(key: string, range: ByteRange, target: Uint8Array | undefined, signal: AbortSignal): Promise<Uint8Array> {
    const context = { call: "read", key, ...this.#texts } as const;
    const headers = { range: `bytes=${range.start}-${range.end - 1}` };
    const answer = await this.#ask(context, signal, "GET", this.#path(key), { query: { alt: "media" }, headers });
    try {
      return await readRange(context, range, answer.headers["content-range"], answer, target, signal);
    } catch (error) {
      throw error instanceof ObjectStoreError ? error : noConnection(context, errorWord(error));
    }
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const context = { call: "head", key, ...this.#texts } as const;
    try {
      return storedOf(
        context,
        await this.#json(context, await this.#ask(context, signal, "GET", this.#path(key), { query: { fields: "size,crc32c" } })),
      );
    } catch (error) {
      if (error instanceof ObjectStoreError && error.code === "not-found") return undefined;
      throw error;
    }
  }

  async list(prefix: string, after: string, countMax: number, signal: AbortSignal): Promise<readonly string[]> {
    const context = { call: "list", key: "", ...this.#texts } as const;
    const keys: string[] = [];
    let pageToken: string | undefined;
    do {
      // It begins at the name itself, so one more is asked for.
      const maxResults = String(Math.min(LIST_NAMES_MAX, countMax - keys.length + 1));
      const query = {
        prefix: this.#prefix + prefix,
        maxResults,
        fields: "items(name),nextPageToken",
        ...(after === "" ? {} : { startOffset: this.#prefix + after }),
        ...(pageToken === undefined ? {} : { pageToken }),
      };
      const page = await this.#json(context, await this.#ask(context, signal, "GET", `/storage/v1/b/${this.#bucket}/o`, { query }));
      const { items = [], nextPageToken } = page as { items?: Description[]; nextPageToken?: string };
      keys.push(...items.map(({ name = "" }) => name.slice(this.#prefix.length)).filter((name) => name > after));
      pageToken = nextPageToken;
    } while (keys.length < countMax && pageToken !== undefined && pageToken !== "");
    return keys.slice(0, countMax);
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    const context = { call: "remove", key, ...this.#texts } as const;
    try {
      (await this.#ask(context, signal, "DELETE", this.#path(key), {})).resume();
    } catch (error) {
      if (!(error instanceof ObjectStoreError) || error.code !== "not-found") throw error;
    }
  }

  #path(key: string): string {
    return `/storage/v1/b/${this.#bucket}/o/${encodeURIComponent(this.#prefix + key)}`;
  }

  /** The head of a good answer. */
  async #ask(
    context: CallContext,
    signal: AbortSignal,
    method: "GET" | "POST" | "DELETE",
    path: string,
    parts: AskParts,
  ): Promise<IncomingMessage> {
    const url = new URL(this.#root + path);
    for (const [name, value] of Object.entries(parts.query ?? {})) url.searchParams.set(name, value);
    const headers = { ...parts.headers, ...(await this.#token(context, url)) };
    let answer: IncomingMessage;
    try {
      answer = await this.#http.send({ method, url, headers, signal, ...(parts.body === undefined ? {} : { body: parts.body }) });
    } catch (error) {
      throw noConnection(context, errorWord(error));
    }
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    throw refusal(context, { status, code: await reasonOf(answer, context) });
  }

  async #token(context: CallContext, url: URL): Promise<Record<string, string>> {
    if (this.#auth === undefined) return {};
    try {
      return Object.fromEntries(await this.#auth.getRequestHeaders(url.href));
    } catch (error) {
      const word = errorWord(error);
      if (!SYSTEM_CODE.test(word)) throw noCredentials(context);
      throw storeError(context, "unavailable", `what gives the credentials is not reached. reason=${word}`);
    }
  }

  async #json(context: CallContext, answer: IncomingMessage): Promise<Description> {
    try {
      return JSON.parse((await readWhole(answer)).toString()) as Description;
    } catch (error) {
      if (error instanceof SyntaxError) throw strange(context, "the answer is no JSON");
      throw noConnection(context, errorWord(error));
    }
  }
}

type AskParts = Readonly<{ query?: Readonly<Record<string, string>>; headers?: Readonly<Record<string, string>>; body?: Readable }>;

function* framed(front: Buffer, body: ObjectBody, back: Buffer): Generator<Buffer> {
  yield front;
  yield* body.chunks(0, body.bytes);
  yield back;
}

function storedOf(context: CallContext, { size, crc32c }: Description): StoredObject {
  if (size === undefined || !/^\d+$/.test(size)) throw strange(context, "the answer does not describe an object");
  return { bytes: Number(size), crc32c: crcOfText(crc32c) };
}

/** An answer of success that is none. */
function strange(context: CallContext, text: string): ObjectStoreError {
  return storeError(context, context.call === "put" ? "unknown" : "unavailable", text);
}

/** A missing bucket is told from a missing object by the words alone; a read's answer has no others. A page for people is none of the service's. */
async function reasonOf(answer: IncomingMessage, { call }: CallContext): Promise<string> {
  const text = (await readWhole(answer).catch(() => Buffer.alloc(0))).toString();
  if (/^\s*</.test(text)) return "";
  if (answer.statusCode === 404 && (call === "put" || call === "list" || /bucket does not exist/i.test(text))) return "NoSuchBucket";
  if (answer.statusCode === 404 && /no such object|not ?found/i.test(text)) return "NoSuchKey";
  return /"reason":\s*"(\w{1,64})"/.exec(text)?.[1] ?? "";
}
