import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../../base/errors.ts";
import { encodeBatch, encodeCommand } from "../../cluster/command-codec.ts";
import type { Command, Outcome } from "../../cluster/commands.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { SUBMIT_WAIT_MS } from "../limits.ts";
import { PendingCommands } from "./pending-commands.ts";

// Goal: a command whose controller fell silent is answered from the log, or submitted again when it cannot count there any more; never both.
// Method: the log's batches by hand.

const command = (name: string): Command => ({ kind: "set-client-metrics", name, versionBefore: 0, changes: [] });
const DONE = { version: 1 } as unknown as Outcome;
const IGNORED = { refused: "stale-controller" } as unknown as Outcome;

class Scene {
  readonly world = new SimWorld(1);
  readonly pending = new PendingCommands(this.world.startProcess("broker").clock);
  readonly answers: string[] = [];

  /** Asked for and sent. */
  send(name: string): void {
    this.pending.add(encodeCommand({ controllerEpoch: 0, command: command(name) })).then(
      (outcome) => this.answers.push(`${name} ${JSON.stringify(outcome)}`),
      (error: QueueError) => this.answers.push(`${name} ${error.code}`),
    );
    equal(this.pending.takeWaiting().length, 1);
  }

  applied(index: number, names: readonly string[], outcome: Outcome): void {
    const payload = encodeBatch(names.map((name) => encodeCommand({ controllerEpoch: 7, command: command(name) })));
    this.pending.applied({ index, payload, outcomes: names.map(() => outcome) });
    this.pending.settle(index);
  }

  /** Tokens that go to the present controller now. */
  sentAgain(): readonly number[] {
    return this.pending.takeWaiting().map(({ token }) => token);
  }

  async told(): Promise<readonly string[]> {
    await this.world.run(this.world.nowMs + 1);
    return this.answers.splice(0);
  }
}

test("it stands in the log: answered from there, and not sent again", async () => {
  const scene = new Scene();
  scene.send("one");
  scene.pending.lost();
  deepEqual(scene.sentAgain(), []);
  scene.pending.decidedBelow(9);
  scene.applied(7, ["another", "one"], DONE);
  scene.applied(8, [], DONE);
  deepEqual([await scene.told(), scene.sentAgain()], [['one {"version":1}'], []]);
});

test("it does not stand there: sent again, when all is applied that could have held it", () => {
  const scene = new Scene();
  scene.send("one");
  scene.pending.lost();
  scene.pending.decidedBelow(9);
  scene.applied(7, ["another"], DONE);
  deepEqual(scene.sentAgain(), []);
  scene.applied(8, [], DONE);
  deepEqual([scene.sentAgain(), scene.sentAgain()], [[1], []]);
});

test("a session that ends before that decides nothing", () => {
  const scene = new Scene();
  scene.send("one");
  scene.pending.lost();
  scene.pending.decidedBelow(9);
  scene.pending.lost();
  scene.applied(8, [], DONE);
  deepEqual(scene.sentAgain(), []);
});

test("what is submitted in a session is not decided by its beginning", () => {
  const scene = new Scene();
  scene.pending.decidedBelow(9);
  scene.send("one");
  scene.pending.refused(1, new QueueError("REQUEST_TIMED_OUT", "the controller stops; whether it was done is not known"));
  scene.applied(8, [], DONE);
  deepEqual(scene.sentAgain(), []);
  scene.pending.lost();
  scene.pending.decidedBelow(10);
  scene.applied(9, [], DONE);
  deepEqual(scene.sentAgain(), [1]);
});

test("in the epoch of a controller that was followed it counts for nothing: sent to the one that followed", async () => {
  const scene = new Scene();
  scene.send("placed");
  scene.send("lost");
  scene.pending.placed(1, 7, 0, 6);
  scene.pending.lost();
  scene.pending.decidedBelow(9);
  scene.applied(7, ["placed"], IGNORED);
  scene.applied(8, ["lost"], IGNORED);
  deepEqual([await scene.told(), scene.sentAgain()], [[], [1, 2]]);
});

test("of several equal ones each has a place of its own", async () => {
  const scene = new Scene();
  for (let times = 0; times < 3; times += 1) scene.send("equal");
  scene.pending.placed(2, 7, 0, 6);
  scene.pending.lost();
  scene.pending.decidedBelow(8);
  scene.applied(7, ["equal", "equal"], DONE);
  deepEqual([(await scene.told()).length, scene.sentAgain()], [2, [3]]);
});

test("without a controller for long nobody knows", async () => {
  const scene = new Scene();
  scene.send("one");
  scene.pending.lost();
  await scene.world.run(SUBMIT_WAIT_MS + 1);
  deepEqual(await scene.told(), ["one REQUEST_TIMED_OUT"]);
});
