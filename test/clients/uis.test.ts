// Goal: the pages of two user interfaces of Kafka, Kafka UI and AKHQ, find what they find on Kafka.
// Method: java/UiChecks.java asks what they ask, on Kafka's own Java clients. The programs themselves are no packages of a registry.
import { join } from "node:path";
import { after, before } from "node:test";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { programOfChecks } from "./checks.ts";
import { missingProgram, suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";

const CHECKS_MIN = 21;
const SILENT = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off";

suite("user interfaces", kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version"), () => {
  let target: Target;

  before(async () => {
    await downloadKafka();
    target = await startTarget();
  });
  after(() => target?.stop());

  programOfChecks(
    "java/UiChecks.java",
    () => [
      "java",
      SILENT,
      "-cp",
      join(libraryFolder(), "*"),
      join(import.meta.dirname, "java", "UiChecks.java"),
      target.bootstrap,
      freshName("uis"),
      target.isKafka ? "kafka" : "tidemq",
    ],
    CHECKS_MIN,
  );
});
