import { equal, ok } from "node:assert/strict";
import { PeerError } from "../../io/peer-error.ts";
import type { PeerConnection, PeerStream, PeerStreamReader } from "../../io/peer-transport.ts";
import { SimRandom } from "../sim-io/random.ts";
import type { PeersUnderTest } from "./peer-transport-contract.ts";

const STREAM = "/tidemq.test.v1.Random/Stream";
const CALL = "/tidemq.test.v1.Random/Call";
const SEED = 7;

/** One end that checks what it is told: messages in order without a gap, nothing behind `closed`, `closed` once. */
class CheckedEnd implements PeerStreamReader {
  readonly stream: PeerStream;
  readonly #isServing: boolean;
  received = 0;
  sent = 0;
  isPaused = false;
  hasEnded = false;
  hasPeerEnded = false;
  outcome: { readonly error: PeerError | undefined } | undefined;

  constructor(stream: PeerStream, isServing: boolean) {
    this.stream = stream;
    this.#isServing = isServing;
  }

  message(bytes: Uint8Array): void {
    ok(this.outcome === undefined && !this.isPaused && !this.hasPeerEnded, "a message at the wrong time");
    equal(Buffer.from(bytes).readUInt32BE(0), this.received, "a message out of order");
    ok(bytes.subarray(4).every((byte) => byte === this.received % 251));
    this.received += 1;
  }

  drained(): void {
    equal(this.stream.pendingBytes, 0);
  }

  ended(): void {
    ok(this.#isServing && !this.hasPeerEnded && this.outcome === undefined && !this.isPaused, "ended at the wrong time");
    this.hasPeerEnded = true;
  }

  closed(error: PeerError | undefined): void {
    equal(this.outcome, undefined, "closed twice");
    this.outcome = { error };
  }

  send(random: SimRandom): void {
    if (this.hasEnded) return;
    const bytes = Buffer.alloc(4 + (random.chance(0.1) ? random.between(0, 100_000) : random.between(0, 200)), this.sent % 251);
    bytes.writeUInt32BE(this.sent, 0);
    try {
      this.stream.send([bytes.subarray(0, 3), bytes.subarray(3)]);
      this.sent += 1;
    } catch (error) {
      ok(error instanceof PeerError && error.code === "overloaded");
    }
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    if (isPaused) this.stream.pause();
    else this.stream.resume();
  }

  end(): void {
    this.hasEnded = true;
    this.stream.end();
  }
}

/** Random steps over several connections; afterwards everything has ended as it had to. Throws what was wrong. */
export async function randomTraffic(peers: PeersUnderTest): Promise<void> {
  const random = new SimRandom(SEED);
  const [here, there]: [CheckedEnd[], CheckedEnd[]] = [[], []];
  const accept =
    (ends: CheckedEnd[], isServing: boolean) =>
    (stream: PeerStream): CheckedEnd => {
      const end = new CheckedEnd(stream, isServing);
      ends.push(end);
      return end;
    };
  let running = 0;
  const calls = new Map([[CALL, (request: Uint8Array) => Promise.resolve([request])]]);
  const listener = await peers.server.listen(peers.host, 0, { calls, streams: new Map([[STREAM, accept(there, true)]]) });
  const outcomes: string[] = [];
  const call = async (connection: PeerConnection): Promise<void> => {
    running += 1;
    const bytes = Buffer.alloc(random.between(0, 50_000), 3);
    try {
      ok(bytes.equals(await connection.call(CALL, [bytes], 5_000)));
      outcomes.push("done");
    } catch (error) {
      ok(error instanceof PeerError, String(error));
      outcomes.push(error.code);
    }
    running -= 1;
  };
  for (let round = 0; round < 6; round++) {
    const connection = await peers.client.connect(await peers.route(listener));
    for (let step = 0; step < 400; step++) {
      const end =
        here.length === 0 || random.chance(0.05)
          ? undefined
          : random.pick(random.chance(0.5) || there.length === 0 ? here.slice(-20) : there.slice(-20));
      if (end === undefined) connection.open(STREAM, accept(here, false));
      else if (random.chance(0.1)) void call(connection);
      else if (random.chance(0.05)) end.pause(!end.isPaused);
      else if (random.chance(0.03)) end.end();
      else if (random.chance(0.02)) end.stream.cancel();
      else end.send(random);
      if (random.chance(0.1)) await peers.waitMs(1);
    }
    if (round % 2 === 0) peers.breakAll();
    else connection.close();
    await peers.waitMs(20);
  }
  for (const end of [...here, ...there]) if (end.isPaused) end.pause(false);
  await peers.waitMs(300);
  equal(running, 0, "calls that never ended");
  ok(
    [...here, ...there].every((end) => end.outcome !== undefined),
    "streams that never ended",
  );
  ok([...here, ...there].every((end) => end.stream.pendingBytes === Number.POSITIVE_INFINITY));
  ok(there.length > 50 && outcomes.includes("done"), "the traffic was worth its name");
  await listener.close();
}
