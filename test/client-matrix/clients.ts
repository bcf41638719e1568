import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { goProblem } from "../clients/franz-go.ts";
import { output } from "../clients/run-program.ts";
import { missingProgram } from "../clients/suite.ts";

const HERE = import.meta.dirname;
const CACHE = join(HERE, "..", "..", ".cache", "client-matrix");
const INSTALL_MS_MAX = 540_000;
const NO_LOG = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off";

export type MatrixClient = Readonly<{
  name: string;
  /** Why it cannot be had here; undefined = it can. */
  problem: () => string | undefined;
  install: () => Promise<void>;
  /** Followed by bootstrap servers and the beginning of topic names. */
  command: readonly string[];
  /** What comes after these. */
  rest?: readonly string[];
  environment?: Readonly<Record<string, string>>;
}>;

/** Every client of the matrix, in the order of its columns. */
export const CLIENTS: readonly MatrixClient[] = [
  java("java-3.9", join(CACHE, "java"), installJava),
  java("java-4.3", libraryFolder(), installKafka),
  { name: "kcat", problem: () => missingProgram("kcat", "kcat", "-V"), install: nothing, command: node("kcat") },
  {
    name: "node-rdkafka",
    problem: () => missingProgram("g++", "g++ make python3 libzstd-dev"),
    install: installNodeRdkafka,
    command: node("node-rdkafka"),
    rest: [join(CACHE, "node")],
  },
  python("confluent-kafka", "confluent_checks"),
  go("franz-go"),
  go("sarama"),
  go("kafka-go"),
  { name: "kafkajs", problem: () => undefined, install: nothing, command: node("kafkajs") },
  { name: "platformatic", problem: () => undefined, install: nothing, command: node("platformatic") },
  python("kafka-python", "kafka_python_checks"),
  python("aiokafka", "aiokafka_checks"),
];

function java(name: string, libraries: string, install: () => Promise<void>): MatrixClient {
  const command = ["java", NO_LOG, "-cp", join(libraries, "*"), join(HERE, "java", "MatrixChecks.java")];
  return { name, problem: () => kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version"), install, command };
}

function node(name: string): string[] {
  return [process.execPath, join(HERE, "node", `${name}-checks.ts`)];
}

function go(name: string): MatrixClient {
  const build = async (): Promise<void> => {
    await output("go", ["build", "-o", join(CACHE, "go", name), `./${name}`], { folder: join(HERE, "go"), msMax: INSTALL_MS_MAX });
  };
  return { name, problem: goProblem, install: build, command: [join(CACHE, "go", name)] };
}

function python(name: string, program: string): MatrixClient {
  return {
    name,
    problem: pythonProblem,
    install: installPython,
    command: ["python3", join(HERE, "python", `${program}.py`)],
    environment: { PYTHONPATH: join(CACHE, "python"), PYTHONDONTWRITEBYTECODE: "1" },
  };
}

function pythonProblem(): string | undefined {
  const missing = missingProgram("python3", "python3 python3-pip");
  if (missing !== undefined) return missing;
  if (spawnSync("python3", ["-m", "pip", "--version"], { stdio: "ignore" }).status === 0) return undefined;
  return "pip is not installed (Debian: apt-get install python3-pip)";
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

async function installKafka(): Promise<void> {
  await downloadKafka();
}

function installPython(): Promise<void> {
  return unlessInstalled("python", join(HERE, "python", "requirements.txt"), async (folder, list) => {
    await output("python3", ["-m", "pip", "install", "-q", "--upgrade", "--target", folder, "-r", list], { msMax: INSTALL_MS_MAX });
  });
}

function installJava(): Promise<void> {
  return unlessInstalled("java", join(HERE, "java", "pom.xml"), async (folder, pom) => {
    await output("mvn", ["-B", "-q", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${folder}`], { msMax: INSTALL_MS_MAX });
  });
}

/** Built from source for the Node.js that runs here, by one job: its makefile does not know that librdkafka comes first. */
function installNodeRdkafka(): Promise<void> {
  return unlessInstalled("node", join(HERE, "node", "node-rdkafka.json"), async (folder, list) => {
    copyFileSync(list, join(folder, "package.json"));
    const home = dirname(process.execPath);
    const environment = { JOBS: "1", npm_config_nodedir: dirname(home), PATH: `${home}${delimiter}${process.env["PATH"] ?? ""}` };
    await output("npm", ["install", "--prefix", folder, "--no-package-lock"], { environment, msMax: INSTALL_MS_MAX });
  });
}

/** Installs into a folder of the cache, unless what lies there came of the same list of versions. */
async function unlessInstalled(name: string, list: string, install: (folder: string, list: string) => Promise<void>): Promise<void> {
  const folder = join(CACHE, name);
  const mark = join(CACHE, `${name}.installed`);
  if (existsSync(mark) && readFileSync(mark, "utf8") === readFileSync(list, "utf8")) return;
  mkdirSync(folder, { recursive: true });
  process.stderr.write(`installing ${list} into ${folder}\n`);
  await install(folder, list);
  copyFileSync(list, mark);
}
