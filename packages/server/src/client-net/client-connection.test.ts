import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import type { Hold } from "../model/record-slices.ts";
import { ClientNetFixture, FAST_API, frameOf, idOf, idsIn, SLOW_API, type StartedFrame } from "../testing/client-net-fixture.ts";
import type { FakeConnection } from "../testing/fake-connection.ts";
import {
  CUT_OFF_LINES_PER_SWEEP_MAX,
  FRAME_STALL_MS_MAX,
  IDLE_MS_MAX,
  PENDING_RESPONSE_BYTES_MAX,
  PIPELINE_MAX,
  WRITE_STALL_MS_MAX,
} from "./limits.ts";

class CountedHold implements Hold {
  released = 0;
  want: () => void = () => {};
  release(): void {
    this.released += 1;
  }
  whenWanted(run: () => void): void {
    this.want = run;
  }
}

function answerId({ connection, bytes }: StartedFrame): void {
  connection.respond([bytes.subarray(4, 8)]);
}

/** Sends all of it, whatever pauses come between. */
function deliverAll(fixture: ClientNetFixture, socket: FakeConnection, bytes: Uint8Array, chops: readonly number[]): void {
  let at = 0;
  for (let i = 0; at < bytes.byteLength && i < 1_000_000; i += 1) {
    const chop = chops[i % chops.length] ?? 1;
    const took = socket.deliver(bytes.subarray(at, at + chop), chop);
    at += took;
    if (took === 0) fixture.clock.turns();
  }
  fixture.clock.turns();
}

test("any frames, chopped anyhow, come out whole and in order, and so do the answers", () => {
  const frame = fc.record({
    api: fc.constantFrom(FAST_API, SLOW_API),
    bytes: fc.oneof({ weight: 8, arbitrary: fc.nat(200) }, fc.nat(70_000), { weight: 1, arbitrary: fc.nat(900_000) }),
  });
  const chops = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 65_536 }), fc.constant(300_000)), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 12 }), chops, fc.boolean(), fc.boolean(), (frames, sizes, usesTargets, late) => {
      // Single bytes of a large frame cost much time and show no more.
      const total = frames.reduce((sum, each) => sum + each.bytes, 0);
      fc.pre(total / Math.min(...sizes) < 60_000);
      const fixture = new ClientNetFixture();
      fixture.onStart = (started) => {
        const answer = () => (started.slot < 0 ? answerId(started) : started.connection.finishSlot(started.slot));
        if (late) fixture.clock.nextTurn(answer);
        else answer();
      };
      const socket = fixture.connect();
      socket.usesTargets = usesTargets;
      const sent = frames.map((each, id) => frameOf(each.api, id, each.bytes));
      deliverAll(fixture, socket, Buffer.concat(sent), sizes);
      equal(fixture.started.length, sent.length);
      for (const [id, started] of fixture.started.entries())
        ok(started.bytes.equals(sent[id]?.subarray(4) ?? Buffer.alloc(0)), `frame ${id}`);
      deepEqual(
        idsIn(socket.sent),
        sent.map((_, id) => id),
      );
      equal(socket.isPaused, false);
      equal(fixture.listener.budget.used, 0);
      deepEqual(fixture.log.visible, []);
    }),
    { numRuns: 150, seed: 1 },
  );
});

test("requests that pipeline start at once, and are answered in their order in one write", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  socket.deliver(Buffer.concat([0, 1, 2, 3].map((id) => frameOf(FAST_API, id))));
  equal(fixture.started.length, 4);
  for (const id of [2, 1, 3]) fixture.started[id]?.connection.finishSlot(fixture.started[id].slot);
  fixture.clock.turns();
  equal(socket.writes.length, 0);
  fixture.started[0]?.connection.finishSlot(fixture.started[0].slot);
  fixture.clock.turns();
  equal(socket.writes.length, 1);
  deepEqual(idsIn(socket.sent), [0, 1, 2, 3]);
});

test("any order of completion gives the answers in order", () => {
  const order = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(order, (keys) => {
      const fixture = new ClientNetFixture();
      const socket = fixture.connect();
      socket.deliver(Buffer.concat(keys.map((_, id) => frameOf(FAST_API, id))));
      const byKey = [...fixture.started].sort((a, b) => (keys[idOf(a.bytes)] ?? 0) - (keys[idOf(b.bytes)] ?? 0));
      for (const { connection, slot } of byKey) {
        connection.finishSlot(slot);
        if (slot % 3 === 0) fixture.clock.turns();
      }
      fixture.clock.turns();
      deepEqual(
        idsIn(socket.sent),
        keys.map((_, id) => id),
      );
    }),
    { numRuns: 100, seed: 2 },
  );
});

test("a request that does not pipeline waits for all before it, and all after it wait", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  socket.deliver(Buffer.concat([frameOf(FAST_API, 0), frameOf(SLOW_API, 1), frameOf(FAST_API, 2)]));
  equal(fixture.started.length, 1);
  equal(socket.isPaused, true);
  fixture.started[0]?.connection.finishSlot(fixture.started[0].slot);
  fixture.clock.turns();
  equal(fixture.started.length, 2);
  equal(socket.isPaused, true);
  answerId(fixture.started[1] as StartedFrame);
  fixture.clock.turns();
  equal(fixture.started.length, 3);
  equal(socket.isPaused, false);
  deepEqual(idsIn(socket.sent), [0, 1]);
});

test("only so many requests are started without being answered", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  deliverAll(fixture, socket, Buffer.concat(Array.from({ length: PIPELINE_MAX + 5 }, (_, id) => frameOf(FAST_API, id))), [8192]);
  equal(fixture.started.length, PIPELINE_MAX);
  for (const { connection, slot } of fixture.started.slice(0, 5)) connection.finishSlot(slot);
  fixture.clock.turns();
  equal(fixture.started.length, PIPELINE_MAX + 5);
});

const STRANGE: readonly (readonly [string, Buffer, RegExp])[] = [
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), /HTTP request/],
  ["HTTP/2", Buffer.from("PRI * HTTP/2.0\r\n\r\n"), /HTTP request/],
  ["TLS", Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3]), /TLS handshake/],
  ["text", Buffer.from("hello, world\n"), /text instead/],
  ["2 GiB", Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0]), /2147483647 bytes/],
  ["negative", Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0]), /-1 bytes/],
  ["too short", Buffer.from([0, 0, 0, 7, 0, 0, 0, 0]), /7 bytes/],
  ["unknown API", Buffer.from([0, 0, 0, 20, 0x12, 0x34]), /API key 4660, which is not served/],
  ["too large for its API", Buffer.from([2, 0, 0, 0, 0, 3]), /33554432 bytes with API key 3/],
];

for (const [what, bytes, reason] of STRANGE) {
  for (const chop of [1, 1000]) {
    test(`${what}, in reads of ${chop}: one line in the log, and the end`, () => {
      const fixture = new ClientNetFixture();
      const socket = fixture.connect();
      socket.deliver(bytes, chop);
      equal(socket.isDestroyed, true);
      equal(fixture.log.visible.length, 1);
      ok(reason.test(String(fixture.log.visible[0]?.fields["reason"])), JSON.stringify(fixture.log.visible));
      equal(fixture.listener.connections, 0);
      equal(fixture.listener.budget.used, 0);
    });
  }
}

test("random bytes never start anything but frames, and never stay in memory", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 50 }), (bytes, chop) => {
      const fixture = new ClientNetFixture();
      const socket = fixture.connect();
      socket.deliver(bytes, chop);
      for (const { bytes: frame } of fixture.started) ok(frame.byteLength >= 8);
      socket.closed("reset");
      equal(fixture.listener.budget.used, 0);
      ok(fixture.log.visible.length <= 1);
    }),
    { numRuns: 500, seed: 3 },
  );
});

test("a frame takes memory as its bytes arrive, not as it claims", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  const frame = frameOf(FAST_API, 1, 90 * 1024 * 1024);
  for (let at = 0; at < 3_000_000; at += 50_000) {
    socket.deliver(frame.subarray(at, at + 50_000));
    ok(fixture.listener.budget.used <= Math.max(128 * 1024, (at + 50_000) * 8), `${fixture.listener.budget.used} for ${at}`);
  }
  socket.closed("reset");
  equal(fixture.listener.budget.used, 0);
});

test("one frame of 90 MiB arrives whole", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  const frame = frameOf(FAST_API, 5, 90 * 1024 * 1024);
  socket.deliver(frame);
  equal(fixture.started[0]?.bytes.byteLength, frame.byteLength - 4);
  equal(fixture.started[0]?.bytes.equals(frame.subarray(4)), true);
});

test("a peer that takes no answers is given no more, and is cut off in the end", () => {
  const fixture = new ClientNetFixture();
  fixture.onStart = ({ connection }) => connection.respond([Buffer.alloc(300_000)]);
  const socket = fixture.connect();
  socket.windowBytes = 0;
  const count = Math.ceil(PENDING_RESPONSE_BYTES_MAX / 300_000) + 5;
  const requests = Buffer.concat(Array.from({ length: count }, (_, id) => frameOf(SLOW_API, id)));
  deliverAll(fixture, socket, requests, [5000]);
  const startedMax = Math.floor(PENDING_RESPONSE_BYTES_MAX / 300_000) + 1;
  equal(fixture.started.length, startedMax);
  equal(socket.isPaused, true);
  fixture.clock.advance(WRITE_STALL_MS_MAX / 2);
  equal(socket.isDestroyed, false);
  socket.take(1); // it is slow, not dead
  fixture.clock.advance(WRITE_STALL_MS_MAX / 2 + 5000);
  equal(socket.isDestroyed, false);
  fixture.clock.advance(WRITE_STALL_MS_MAX);
  equal(socket.isDestroyed, true);
  equal(fixture.log.visible.length, 1);
  equal(fixture.listener.budget.used, 0);
});

test("large answers to requests that came together all go out, also when the peer takes them at once", () => {
  const fixture = new ClientNetFixture();
  fixture.onStart = (started) => started.connection.respond([Buffer.alloc(300_000, idOf(started.bytes))]);
  const socket = fixture.connect();
  socket.deliver(Buffer.concat(Array.from({ length: 20 }, (_, id) => frameOf(SLOW_API, id))));
  fixture.clock.turns();
  equal(socket.sent.byteLength, 20 * 300_000);
  equal(socket.isPaused, false);
});

test("a slow peer that takes its answers gets all of them", () => {
  const fixture = new ClientNetFixture();
  fixture.onStart = (started) => started.connection.respond([Buffer.alloc(300_000, idOf(started.bytes))]);
  const socket = fixture.connect();
  socket.windowBytes = 1000;
  const requests = Buffer.concat(Array.from({ length: 20 }, (_, id) => frameOf(SLOW_API, id)));
  socket.deliver(requests);
  for (let i = 0; i < 1000 && fixture.started.length < 20; i += 1) {
    socket.take(100_000);
    fixture.clock.advance(100);
  }
  socket.take(Number.POSITIVE_INFINITY);
  fixture.clock.turns();
  socket.take(Number.POSITIVE_INFINITY);
  equal(socket.sent.byteLength, 20 * 300_000);
  for (let id = 0; id < 20; id += 1) equal(socket.sent[id * 300_000 + 5], id);
  equal(fixture.listener.budget.used, 0);
});

test("memory of a large answer is held until the peer has taken it; of a small one not at all", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  const [small, large] = [new CountedHold(), new CountedHold()];
  socket.deliver(frameOf(SLOW_API, 0));
  fixture.started[0]?.connection.respond([Buffer.alloc(1000)], [small]);
  equal(small.released, 1);
  fixture.clock.turns();
  socket.windowBytes = 0;
  socket.deliver(frameOf(SLOW_API, 1));
  fixture.started[1]?.connection.respond([Buffer.alloc(200_000)], [large]);
  fixture.clock.turns();
  equal(large.released, 0);
  socket.take(150_000);
  equal(large.released, 0);
  socket.take(50_000);
  equal(large.released, 1);
  equal(socket.isDestroyed, false);
  equal(fixture.listener.budget.used, 0);
});

test("when the memory of an answer is wanted back before the peer took it, its connection ends", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  socket.windowBytes = 0;
  const hold = new CountedHold();
  socket.deliver(frameOf(SLOW_API, 1));
  fixture.started[0]?.connection.respond([Buffer.alloc(200_000)], [hold]);
  fixture.clock.turns();
  hold.want();
  equal(hold.released, 1);
  equal(socket.isDestroyed, true);
  equal(fixture.log.visible.length, 1);
});

test("an answer to a connection that is gone releases its memory", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  const hold = new CountedHold();
  socket.deliver(frameOf(SLOW_API, 1));
  socket.closed("reset");
  fixture.started[0]?.connection.respond([Buffer.alloc(200_000)], [hold]);
  equal(hold.released, 1);
});

test("when memory for frames is spent one connection at a time goes on, so that nobody waits for ever", () => {
  const fixture = new ClientNetFixture({ framesBytesMax: 300_000 });
  fixture.onStart = ({ connection, slot }) => connection.finishSlot(slot);
  const sockets = Array.from({ length: 8 }, () => fixture.connect());
  const frame = frameOf(FAST_API, 1, 500_000);
  const at = sockets.map(() => 0);
  for (let round = 0; round < 10_000 && at.some((done) => done < frame.byteLength); round += 1) {
    for (const [i, socket] of sockets.entries()) at[i] = (at[i] ?? 0) + socket.deliver(frame.subarray(at[i], (at[i] ?? 0) + 20_000));
    fixture.clock.turns();
    ok(fixture.listener.budget.used <= 300_000 + 1_048_576 + 8 * 131_072, `${fixture.listener.budget.used} bytes`);
  }
  equal(fixture.started.length, 8);
  equal(fixture.listener.budget.used, 0);
  equal(fixture.listener.budget.waiting, 0);
});

test("the favoured connection that dies hands its favour on", () => {
  const fixture = new ClientNetFixture({ framesBytesMax: 100_000 });
  const [first, second] = [fixture.connect(), fixture.connect()];
  const frame = frameOf(FAST_API, 1, 400_000);
  first.deliver(frame.subarray(0, 300_000));
  const taken = 300_000 - second.deliver(frame.subarray(0, 300_000));
  equal(second.isPaused, true);
  first.closed("reset");
  fixture.clock.turns();
  equal(second.isPaused, false);
  fixture.onStart = ({ connection, slot }) => connection.finishSlot(slot);
  const third = fixture.connect();
  const at = [300_000 - taken, 0];
  for (let round = 0; round < 1000; round += 1) {
    for (const [i, socket] of [second, third].entries())
      at[i] = (at[i] ?? 0) + socket.deliver(frame.subarray(at[i], (at[i] ?? 0) + 30_000));
    fixture.clock.turns();
  }
  equal(fixture.started.length, 2);
});

test("memory for frames that is spent holds up nobody with small requests, nor any answer", () => {
  const fixture = new ClientNetFixture({ framesBytesMax: 100_000 });
  for (const socket of [fixture.connect(), fixture.connect(), fixture.connect()])
    socket.deliver(frameOf(FAST_API, 1, 5_000_000).subarray(0, 60_000));
  ok(fixture.listener.budget.used > 100_000);
  fixture.onStart = answerId;
  const socket = fixture.connect();
  socket.deliver(Buffer.concat([frameOf(SLOW_API, 7), frameOf(SLOW_API, 8)]));
  fixture.clock.turns();
  deepEqual(idsIn(socket.sent), [7, 8]);
});

test("memory for answers that is spent holds up nobody either", () => {
  const fixture = new ClientNetFixture({ answersBytesMax: 100_000 });
  const slow = fixture.connect();
  slow.windowBytes = 0;
  slow.deliver(frameOf(SLOW_API, 1));
  fixture.started[0]?.connection.respond([Buffer.alloc(500_000)]);
  fixture.clock.turns();
  equal(fixture.started[0]?.connection.answerRoom, 0);
  fixture.onStart = answerId;
  const socket = fixture.connect();
  socket.deliver(frameOf(SLOW_API, 7));
  fixture.clock.turns();
  deepEqual(idsIn(socket.sent), [7]);
});

test("a peer that takes its answer slowly may, until memory for answers is short", () => {
  for (const [answersBytesMax, isCutOff] of [
    [10_000_000, false],
    [1_000_000, true],
  ] as const) {
    const fixture = new ClientNetFixture({ answersBytesMax });
    const socket = fixture.connect();
    socket.windowBytes = 0;
    socket.deliver(frameOf(SLOW_API, 1));
    fixture.started[0]?.connection.respond([Buffer.alloc(1_000_000)]);
    fixture.clock.turns();
    for (let second = 0; second < 20; second += 1) {
      socket.take(1000);
      fixture.clock.advance(1000);
    }
    equal(socket.isDestroyed, isCutOff);
    equal(fixture.log.visible.length, isCutOff ? 1 : 0);
  }
});

test("a frame may trickle in, until memory for frames is short", () => {
  for (const [framesBytesMax, isCutOff] of [
    [10_000_000, false],
    [100_000, true],
  ] as const) {
    const fixture = new ClientNetFixture({ framesBytesMax });
    const socket = fixture.connect();
    const frame = frameOf(FAST_API, 1, 5_000_000);
    socket.deliver(frame.subarray(0, 70_000), 35_000);
    for (let at = 70_000; at < 72_000; at += 100) {
      socket.deliver(frame.subarray(at, at + 100));
      fixture.clock.advance(1000);
    }
    equal(socket.isDestroyed, isCutOff);
  }
});

test("many that are cut off in one second get a few lines and a count", () => {
  const fixture = new ClientNetFixture();
  const idle = fixture.connect();
  for (let i = 0; i < 100; i += 1) fixture.connect().deliver(Buffer.from("GET / HTTP/1.1"));
  equal(fixture.log.visible.length, CUT_OFF_LINES_PER_SWEEP_MAX);
  fixture.clock.advance(1000);
  deepEqual(fixture.log.visible.at(-1)?.fields, { connections: 100 - CUT_OFF_LINES_PER_SWEEP_MAX });
  fixture.connect().deliver(Buffer.from("GET / HTTP/1.1"));
  equal(fixture.log.visible.length, CUT_OFF_LINES_PER_SWEEP_MAX + 2);
  equal(idle.isDestroyed, false);
});

test("who begins a frame and stops is cut off; who is idle is closed later, without a line", () => {
  const fixture = new ClientNetFixture();
  const [half, idle] = [fixture.connect(), fixture.connect()];
  half.deliver(frameOf(FAST_API, 1, 100).subarray(0, 50));
  fixture.clock.advance(FRAME_STALL_MS_MAX + 3000);
  equal(half.isDestroyed, true);
  equal(idle.isDestroyed, false);
  equal(fixture.log.visible.length, 1);
  fixture.clock.advance(IDLE_MS_MAX);
  equal(idle.isDestroyed, true);
  equal(fixture.log.visible.length, 1);
  equal(fixture.clock.timers, 0);
});

test("a request that waits for long keeps its connection", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  socket.deliver(frameOf(SLOW_API, 1));
  fixture.clock.advance(2 * IDLE_MS_MAX);
  equal(socket.isDestroyed, false);
});

test("a muted connection is not read, and what was read waits", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  fixture.onStart = ({ connection, slot }) => {
    connection.finishSlot(slot);
    connection.mute(500);
  };
  socket.deliver(Buffer.concat([frameOf(FAST_API, 0), frameOf(FAST_API, 1)]));
  fixture.clock.turns();
  deepEqual(idsIn(socket.sent), [0]);
  equal(socket.isPaused, true);
  fixture.clock.advance(499);
  equal(fixture.started.length, 1);
  fixture.clock.advance(2);
  equal(fixture.started.length, 2);
  fixture.clock.advance(1000);
  equal(socket.isPaused, false);
});

test("the peer's end: what was asked is answered, then the connection ends", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  socket.deliver(Buffer.concat([frameOf(SLOW_API, 0), frameOf(SLOW_API, 1)]));
  socket.peerEnds();
  equal(socket.isEnded, false);
  answerId(fixture.started[0] as StartedFrame);
  fixture.clock.turns();
  equal(socket.isEnded, false);
  answerId(fixture.started[1] as StartedFrame);
  fixture.clock.turns();
  equal(socket.isEnded, true);
  deepEqual(idsIn(socket.sent), [0, 1]);
  deepEqual(fixture.log.visible, []);
});

test("half a frame and the end: one line", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  socket.deliver(frameOf(FAST_API, 1, 100).subarray(0, 50));
  socket.peerEnds();
  equal(socket.isEnded, true);
  socket.closed("reset");
  equal(fixture.log.visible.length, 1);
});

test("half a frame and a reset: one line", () => {
  const fixture = new ClientNetFixture();
  const socket = fixture.connect();
  socket.deliver(frameOf(FAST_API, 1, 100).subarray(0, 50));
  socket.closed("reset");
  equal(fixture.log.visible.length, 1);
});

test("closing answers what was started, starts nothing more, and waits only so long", async () => {
  const fixture = new ClientNetFixture();
  const [busy, idle, stuck] = [fixture.connect(), fixture.connect(), fixture.connect()];
  busy.deliver(frameOf(SLOW_API, 0));
  stuck.deliver(frameOf(SLOW_API, 1));
  let cancelled = 0;
  const started = fixture.started[0] as StartedFrame;
  started.connection.waitFor({
    cancel: () => {
      cancelled += 1;
      answerId(started);
    },
  });
  const closed = fixture.listener.close(5000);
  busy.deliver(frameOf(SLOW_API, 2));
  fixture.clock.turns();
  equal(cancelled, 1);
  deepEqual(idsIn(busy.sent), [0]);
  deepEqual([busy.isEnded, idle.isEnded, stuck.isEnded], [true, true, false]);
  deepEqual([busy.isPaused, idle.isPaused], [false, false], "the peer's end is seen only by reading");
  busy.deliver(frameOf(SLOW_API, 3));
  busy.closed();
  idle.closed();
  fixture.clock.advance(5001);
  equal(stuck.isDestroyed, true);
  await closed;
  equal(fixture.clock.timers, 0);
  equal(fixture.started.length, 2);
});

test("above the limit connections are refused, with few lines", () => {
  const fixture = new ClientNetFixture({ connectionsMax: 2 });
  const sockets = Array.from({ length: 10 }, () => fixture.connect());
  deepEqual(
    sockets.map((socket) => socket.isDestroyed),
    [false, false, ...Array(8).fill(true)],
  );
  equal(fixture.log.visible.length, 1);
  equal(fixture.listener.counters.connectionsRefused, 8);
  sockets[0]?.closed();
  equal(fixture.connect().isDestroyed, false);
});

test("whatever happens, nothing stays claimed and every hold is released once", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("deliver"), who: fc.nat(2), bytes: fc.integer({ min: 1, max: 90_000 }) }),
    fc.record({ kind: fc.constant("answer"), who: fc.nat(20), bytes: fc.constantFrom(10, 70_000, 200_000) }),
    fc.record({ kind: fc.constant("take"), who: fc.nat(2), bytes: fc.constantFrom(100, 100_000, 10_000_000) }),
    fc.record({ kind: fc.constant("turn"), who: fc.nat(0), bytes: fc.constant(0) }),
    fc.record({ kind: fc.constant("time"), who: fc.nat(0), bytes: fc.constantFrom(100, 5000, 40_000) }),
    fc.record({ kind: fc.constant("want"), who: fc.nat(20), bytes: fc.constant(0) }),
    fc.record({ kind: fc.constant("close"), who: fc.nat(2), bytes: fc.constant(0) }),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.infiniteStream(fc.tuple(fc.constantFrom(FAST_API, SLOW_API), fc.constantFrom(0, 100, 80_000, 500_000))),
      (steps, stream) => {
        const fixture = new ClientNetFixture({ framesBytesMax: 400_000, answersBytesMax: 300_000 });
        const holds: CountedHold[] = [];
        const sockets = [0, 1, 2].map(() => fixture.connect());
        for (const socket of sockets) socket.windowBytes = 50_000;
        const unsent: Buffer[] = sockets.map(() => Buffer.alloc(0));
        let id = 0;
        for (const { kind, who, bytes } of steps) {
          const socket = sockets[who] as FakeConnection;
          if (kind === "deliver") {
            while ((unsent[who]?.byteLength ?? 0) < bytes) {
              const [api, size] = stream.next().value;
              unsent[who] = Buffer.concat([unsent[who] as Buffer, frameOf(api, id++, size)]);
            }
            unsent[who] = (unsent[who] as Buffer).subarray(socket.deliver((unsent[who] as Buffer).subarray(0, bytes), 30_000));
          } else if (kind === "answer") {
            const [frame] = fixture.started.splice(who % Math.max(fixture.started.length, 1), 1);
            if (frame === undefined) continue;
            if (frame.slot >= 0) frame.connection.finishSlot(frame.slot);
            else {
              const hold = new CountedHold();
              holds.push(hold);
              frame.connection.respond([Buffer.alloc(bytes)], [hold]);
            }
          } else if (kind === "take") socket.take(bytes);
          else if (kind === "turn") fixture.clock.turns();
          else if (kind === "time") fixture.clock.advance(bytes);
          else if (kind === "want") {
            const hold = holds[who % Math.max(holds.length, 1)];
            if (hold?.released === 0) hold.want();
          } else if (kind === "close" && !socket.isDestroyed) socket.closed("reset");
        }
        for (const socket of sockets) if (!socket.isDestroyed) socket.closed(undefined);
        fixture.clock.turns();
        equal(fixture.listener.budget.used, 0);
        equal(fixture.listener.budget.waiting, 0);
        equal(fixture.listener.connections, 0);
        for (const hold of holds) equal(hold.released, 1);
      },
    ),
    { numRuns: 300, seed: 4 },
  );
});
