// Goal: Kafka's own Java consumers, its admin client and its console tool find groups as with Kafka.
// Method: java/GroupChecks.java, for both protocols; kafka-consumer-groups as its script would call it.
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { programOfChecks } from "./checks.ts";
import { GroupScene } from "./group-scene.ts";
import { output, runProgram } from "./run-program.ts";
import { missingProgram, suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";

const CHECKS_MIN = 15;
const TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

suite("groups: Java", kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version"), () => {
  let target: Target;
  let scene: GroupScene;

  before(async () => {
    await downloadKafka();
    target = await startTarget();
    scene = new GroupScene(target);
  });
  after(async () => {
    await scene?.close();
    await target?.stop();
  });

  programOfChecks("java/GroupChecks.java", () => ["java", ...javaArguments(), target.bootstrap, freshName("java")], CHECKS_MIN);

  const toolArguments = (args: readonly string[]): string[] => {
    const flags = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"];
    return [...flags, "-cp", join(libraryFolder(), "*"), TOOL, "--bootstrap-server", target.bootstrap, ...args];
  };
  const tool = (...args: string[]): Promise<string> => output("java", toolArguments(args));

  test("kafka-consumer-groups: list, describe, reset, delete", async () => {
    const topic = await scene.topic(2, 5);
    const group = freshName("tool");
    const member = scene.client.groupConsumer(group, { from: "earliest" });
    member.subscribe([topic]);
    for (let seen = 0; seen < 10; ) seen += (await member.next())?.records().length ?? 0;
    await member.commit();
    await scene.whenShared(group, [2]);
    match(await tool("--list", "--state"), new RegExp(`${group}\\s+Stable`));
    match(await tool("--describe", "--group", group), new RegExp(`${group}\\s+${topic}\\s+1\\s+(-\\s+)?5\\s+5\\s+0\\s+${member.memberId}`));
    match(await tool("--describe", "--group", group, "--state"), /Stable\s+1/);
    match(await tool("--describe", "--group", group, "--members"), new RegExp(`${member.memberId}\\s+\\S+\\s+tidemq\\s+2`));
    const refused = await runProgram("java", toolArguments(["--delete", "--group", group]));
    match(refused.stdout + refused.stderr, /GroupNotEmptyException/);
    await member.close();
    const moved = await tool("--reset-offsets", "--group", group, "--topic", `${topic}:1`, "--shift-by", "-2", "--execute");
    match(moved, new RegExp(`${group}\\s+${topic}\\s+1\\s+3`));
    deepEqual(await scene.committed(group, topic), [5, 3]);
    await tool("--delete-offsets", "--group", group, "--topic", `${topic}:0`);
    deepEqual(await scene.committed(group, topic), [undefined, 3]);
    match(await tool("--delete", "--group", group), /successful/);
    equal(
      (await scene.client.groups.list()).some((one) => one.groupId === group),
      false,
    );
  });
});

/** Java compiles a program of one file as it starts it. */
function javaArguments(): string[] {
  const silent = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off";
  return [silent, "-cp", join(libraryFolder(), "*"), join(import.meta.dirname, "java", "GroupChecks.java")];
}
