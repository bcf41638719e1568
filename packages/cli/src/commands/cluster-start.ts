import { relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { addressText } from "@tidemq/client/transport.ts";
import { CommandError, UsageError } from "../command-error.ts";
import { ExitCode } from "../exit-codes.ts";
import { brokerPlan, bucketOf, type ClusterShape, FIRST_PORT, firstPortMax } from "../local-cluster/layout.ts";
import { BROKERS_MAX, CONTROLLERS_MAX } from "../local-cluster/limits.ts";
import { type ClusterUi, LocalCluster } from "../local-cluster/local-cluster.ts";
import { Operator } from "../local-cluster/operator.ts";
import { brokersIn, refuseUsedPorts, takeFolder } from "../local-cluster/preflight.ts";
import { VERSION } from "../version.ts";

type Options = Readonly<{ brokers: number; controllers: number; data: string; port: number }>;

const UI: ClusterUi = { say: (text) => void process.stdout.write(text), log: (line) => void process.stderr.write(line) };

/** Runs a cluster on this machine until Ctrl-C. */
export async function startLocalCluster(options: Options): Promise<void> {
  const shape = shapeOf(options);
  const cluster = new LocalCluster(shape, brokersOf(shape, options.brokers), UI);
  const plans = cluster.members.map(({ plan }) => plan);
  const giveFolderBack = await takeFolder(shape.folder, plans);
  try {
    await refuseUsedPorts(plans);
    await run(cluster, shape);
  } finally {
    giveFolderBack();
  }
}

function shapeOf({ brokers, controllers, data, port }: Options): ClusterShape {
  if (brokers > BROKERS_MAX) throw new UsageError(`--brokers is at most ${BROKERS_MAX}: all of them are on this machine`);
  if (controllers > CONTROLLERS_MAX) throw new UsageError(`--controllers is at most ${CONTROLLERS_MAX}`);
  // Brokers can be added.
  const portMax = firstPortMax(Math.max(BROKERS_MAX, controllers));
  if (port > portMax) throw new UsageError(`--port is at most ${portMax}, so that there are enough above it`);
  return { folder: resolve(data), firstPort: port, controllers };
}

/** Also those of earlier starts: what they have is a part of the cluster. */
function brokersOf({ folder }: ClusterShape, wanted: number): readonly number[] {
  const found = brokersIn(folder);
  const more = found.filter((id) => id > wanted);
  const strange = more.find((id) => id > BROKERS_MAX);
  if (strange !== undefined)
    throw new CommandError(`${folder} has a broker-${strange}, the highest is broker-${BROKERS_MAX}`, "Name another folder: --data DIR");
  if (more.length > 0) UI.say(`${folder} has more brokers than --brokers ${wanted}; they start, too: ${more.join(", ")}\n`);
  return [...Array.from({ length: wanted }, (_, place) => place + 1), ...more];
}

async function run(cluster: LocalCluster, shape: ClusterShape): Promise<void> {
  const operator = new Operator(cluster, UI);
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => void operator.take(line));
  endOnSignals(cluster);
  UI.say(`starting ${counted(cluster.of("broker").length, "broker")} and ${counted(shape.controllers, "controller")}\n`);
  cluster.start();
  void cluster.whenBegun().then(() => {
    if (!cluster.isEnding) UI.say(bannerText(cluster, shape));
  });
  await cluster.whenEmptied();
  lines.close();
  // A terminal, or a pipe that is still open, would keep this process.
  process.stdin.destroy();
  if (!cluster.isEnding) throw new CommandError("nothing of the cluster runs any more: every process has ended by itself, see above");
  UI.say("everything has stopped\n");
}

/** Once: all stop, brokers first. Again: they are killed. */
function endOnSignals(cluster: LocalCluster): void {
  const end = (): void => {
    if (cluster.isEnding) {
      process.exitCode = ExitCode.INTERRUPTED;
      return cluster.killAll();
    }
    UI.say("\nstopping brokers, then controllers; press Ctrl-C again to stop without waiting\n");
    void cluster.stopAll();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
}

function bannerText(cluster: LocalCluster, shape: ClusterShape): string {
  const rows = cluster.members.map(({ plan, state }) => {
    const places = plan.listens.map(({ what, address }) =>
      what === "HTTP" ? `http://${addressText(address)}` : `${what} ${addressText(address)}`,
    );
    return `  ${plan.name.padEnd(15)} ${state === "ready" ? places.join(", ") : "DOES NOT RUN, see above"}`;
  });
  const folder = relative(process.cwd(), shape.folder);
  return `
TideMQ ${VERSION}, a cluster in ${folder === "" || folder.startsWith("..") ? shape.folder : `./${folder}`}
${rows.join("\n")}
  ${"object storage".padEnd(15)} ${bucketOf(shape)}

${tryText(shape)}
Ctrl-C stops the cluster.
`;
}

function tryText(shape: ClusterShape): string {
  const { kafka, http } = brokerPlan(shape, 1);
  const isDefault = shape.firstPort === FIRST_PORT;
  const bootstrap = isDefault || kafka === undefined ? "" : ` --bootstrap ${addressText(kafka)}`;
  const at = isDefault ? "" : ` --http ${addressText(http)}`;
  return `Try, in another terminal:
  ./tidemq topic create orders --partitions 6${bootstrap}
  echo hello | ./tidemq topic produce orders${bootstrap}
  ./tidemq topic consume orders --from-beginning${bootstrap}
  ./tidemq broker list${at}
  ./tidemq cluster health${at}
and here: kill broker-2, start broker-2, status, help
`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
