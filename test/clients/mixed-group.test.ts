// Goal: a Java, a kafkajs and a librdkafka member share a group, are killed at random, and so is the server: every record is seen, and no
// committed offset goes back.
// Method: real processes and `kill -9`; a producer of our own says what was acknowledged, an observer asks for offsets all the time.
import { ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { downloadKafka, kafkaProblem } from "../../bench/kafka-server.ts";
import { freePort } from "../../tools/free-port.ts";
import { pause, ServerProcess, temporaryFolder } from "../process/server-process.ts";
import { MemberProgram, memberPrograms, NumberedLoad, OffsetWatch } from "./group-members.ts";
import { until } from "./group-scene.ts";
import { missingProgram, suite } from "./suite.ts";

const PARTITIONS = 6;
const GROUP = "mixed";
const TOPIC = "shared";
const KILLS = 12;
const BETWEEN_KILLS_MS = [500, 3_000] as const;
const AWAY_MS_MAX = 1_500;
const SEEN_WITHIN_MS = 90_000;

const missing = kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version") ?? missingProgram("kcat", "kcat", "-V");

suite("a group of members of three kinds", missing, () => {
  const folder = temporaryFolder();
  const seen = new Set<string>();
  let port: number;
  let server: ServerProcess;
  let client: Client;
  let members: readonly MemberProgram[] = [];

  before(async () => {
    await downloadKafka();
    port = await freePort();
    server = await ServerProcess.start({ folder, port });
    client = openClient({ bootstrap: [server.kafka] });
    await client.admin.createTopic({ name: TOPIC, partitions: PARTITIONS });
    members = Object.values(memberPrograms(`127.0.0.1:${port}`, GROUP, TOPIC)).map(
      (command) => new MemberProgram(command, { read: ({ value }) => void seen.add(value) }),
    );
  });
  after(async () => {
    for (const member of members) member.kill();
    await client?.close();
    await server?.end();
  });

  test("killed at random while the server is killed at random", async (t) => {
    const load = new NumberedLoad(client, TOPIC, PARTITIONS);
    const watch = new OffsetWatch(client, GROUP);
    await until("the members read", () => (seen.size > 0 ? undefined : "nothing"));
    for (let kill = 0; kill < KILLS; kill += 1) {
      await pause(between(...BETWEEN_KILLS_MS));
      // Every other time the server, else one of the members.
      const victim = kill % 2 === 0 ? undefined : members[Math.floor(Math.random() * members.length)];
      if (victim === undefined) {
        await server.kill();
        await pause(between(0, AWAY_MS_MAX));
        server = await ServerProcess.start({ folder, port });
      } else {
        victim.kill();
        await pause(between(0, AWAY_MS_MAX));
        victim.start();
      }
    }
    const acknowledged = await load.end();
    await until(
      "every acknowledged record is seen",
      () => {
        const left = acknowledged.filter((value) => !seen.has(value)).length;
        return left === 0 ? undefined : `${left} of ${acknowledged.length} are not`;
      },
      SEEN_WITHIN_MS,
    );
    const asked = await watch.end();
    t.diagnostic(`${acknowledged.length} records, offsets asked for ${asked} times`);
    ok(acknowledged.length > 100 && asked > 50, `${acknowledged.length} records, ${asked} answers`);
  });
});

function between(min: number, max: number): number {
  return min + Math.random() * (max - min);
}
