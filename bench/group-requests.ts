import { setTimeout as sleep } from "node:timers/promises";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { decodeResponseHeader, encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import { findCoordinatorRequest, findCoordinatorResponse } from "@tidemq/protocol/messages/10-find-coordinator.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";
import { RawConnection } from "./raw-connection.ts";
import type { Target } from "./target.ts";

const FIND_VERSION = 4;
const FIND_MS_MAX = 20_000;
const OPENING_MAX = 200;
/** Answers about groups are small. */
const FRAME_BYTES_MAX = 1024 * 1024;

/** Kafka names a coordinator that has not read its groups yet. */
export const NOT_LOADED: ReadonlySet<number | undefined> = new Set([14, 15, 16]);
/** So many connections; at most so many at a time are on their way. */
export async function openAll({ host, port }: Target, count: number): Promise<RawConnection[]> {
  const connections: RawConnection[] = [];
  while (connections.length < count) {
    const slice = Math.min(OPENING_MAX, count - connections.length);
    connections.push(...(await Promise.all(Array.from({ length: slice }, () => RawConnection.open(host, port, FRAME_BYTES_MAX)))));
  }
  return connections;
}

/** Until there is one for each: the topic behind groups is made with the first request. */
export function findCoordinators(connection: RawConnection, names: readonly string[]): Promise<void> {
  const body = { keyType: 0, coordinatorKeys: [...names] };
  return whenLoaded(async () => {
    const { coordinators } = await ask(connection, findCoordinatorRequest, findCoordinatorResponse, FIND_VERSION, body);
    return coordinators.find(({ errorCode }) => errorCode !== 0)?.errorCode ?? 0;
  });
}

/** Asks until the answer is no error. */
export async function whenLoaded(errorOf: () => Promise<number | undefined>): Promise<void> {
  const giveUpAtMs = performance.now() + FIND_MS_MAX;
  for (let error = await errorOf(); error !== 0; error = await errorOf()) {
    if (!NOT_LOADED.has(error) || performance.now() > giveUpAtMs) throw new Error(`no coordinator: error ${error}`);
    await sleep(100);
  }
}

/** A request, ready to be sent. */
export function frameOf<Q extends Message>(request: Q, version: number, body: MessageInput<Q>): Uint8Array {
  const writer = new ByteWriter(256);
  encodeRequestFrame(request, version, 1, "bench", body, writer);
  return writer.finish();
}

/** One request and its answer. */
export async function ask<Q extends Message, R extends Message>(
  connection: RawConnection,
  request: Q,
  response: R,
  version: number,
  body: MessageInput<Q>,
): Promise<MessageOf<R>> {
  return read(response, version, await connection.ask(frameOf(request, version, body)));
}

/** What an answer says. */
export function read<R extends Message>(response: R, version: number, answer: Buffer): MessageOf<R> {
  const reader = new ByteReader(answer);
  decodeResponseHeader(response.apiKey, version, reader);
  return decodeMessage(response, version, reader);
}
