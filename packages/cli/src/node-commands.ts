import type { Command } from "commander";
import { examples, jsonOption, outputOption, positiveInteger } from "./command-parts.ts";
import { DEFAULT_HTTP } from "./http-request.ts";

/**
 * `tidemq broker …` and `tidemq controller …`, as far as they ask about servers. With flags, or with nothing, the same words run one:
 * main.ts does that without this, which is for the list of commands and for help.
 */
export function addNodes(program: Command): void {
  const broker = program.command("broker").description("run a broker of a cluster until Ctrl-C; or list, describe, drain those that run");
  broker.usage("[options of a server]\n       tidemq broker [command]");
  addBrokerList(broker);
  addBrokerDescribe(broker);
  addBrokerDrain(broker);
  const controller = program.command("controller").description("run a controller of a cluster until Ctrl-C; or list: show those that run");
  controller.usage("[options of a server]\n       tidemq controller [command]");
  addControllerList(controller);
}

/** What asks one node about its cluster. */
export function nodeCommand(command: Command): Command {
  return command
    .exitOverride()
    .showHelpAfterError("(--help explains the command)")
    .option("--http <host:port>", "the HTTP address of any broker of the cluster, or of its leading controller", DEFAULT_HTTP)
    .addOption(outputOption())
    .addOption(jsonOption());
}

function addBrokerList(broker: Command): void {
  const list = nodeCommand(broker.command("list"))
    .description("list the brokers of a cluster")
    .action(async (options) => {
      const { listBrokers } = await import("./commands/broker-list.ts");
      await listBrokers(options);
    });
  list.addHelpText("after", LIST_HELP);
  examples(list, ["tidemq broker list", "tidemq broker list --json", "tidemq broker list --http broker-2:9643"]);
}

const LIST_HELP = `
States:
  ready   it serves   silent  its controller has not heard it for a while   fenced  it counts as gone, and leads nothing`;

function addBrokerDescribe(broker: Command): void {
  const describe = nodeCommand(broker.command("describe"))
    .description("show a broker's listeners and load, how far it has read the metadata, and the connections of the node that is asked")
    .argument("<id>", "its number, as in broker list", positiveInteger)
    .action(async (id: number, options) => {
      const { describeBroker } = await import("./commands/broker-describe.ts");
      await describeBroker(id, options);
    });
  examples(describe, ["tidemq broker describe 2", "tidemq broker describe 2 --json"]);
}

function addBrokerDrain(broker: Command): void {
  const drain = nodeCommand(broker.command("drain"))
    .description("move everything off a broker: its replicas go to others, and who leads with them; it gets nothing new")
    .argument("<id>", "its number, as in broker list", positiveInteger)
    .option("--dry-run", "only show what would go where", false)
    .option("--no-wait", "end when it has begun; only so much moves at once, so ask again")
    .option("--status", "show how far it is", false)
    .option("--cancel", "take back what moves, and let it get new replicas again; what has moved stays", false)
    .option("--undo", "the same as --cancel")
    .action(async (id: number, options) => {
      const { drainBroker } = await import("./commands/broker-drain.ts");
      await drainBroker(id, { ...options, cancel: options.cancel || options.undo === true });
    });
  drain.addHelpText("after", DRAIN_HELP);
  examples(drain, ["tidemq broker drain 3 --dry-run", "tidemq broker drain 3", "tidemq broker drain 3 --cancel"]);
}

const DRAIN_HELP = `
Nothing begins when somebody is missing who could take all of it. Only what object storage does not hold is copied. The mark that a broker gets
nothing new stays when it is drained, and while it is away: --cancel removes it.`;

function addControllerList(controller: Command): void {
  const list = nodeCommand(controller.command("list"))
    .description("list the controllers of a cluster, and who of them leads")
    .action(async (options) => {
      const { listControllers } = await import("./commands/controller-list.ts");
      await listControllers(options);
    });
  list.addHelpText("after", "\nA broker shows all controllers that it was told of; a controller shows itself.");
  examples(list, ["tidemq controller list", "tidemq controller list --json"]);
}
