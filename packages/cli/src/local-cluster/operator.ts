import { rmSync } from "node:fs";
import { addressText } from "@tidemq/client/transport.ts";
import { type Cell, durationText, printTable } from "../output.ts";
import { BROKERS_MAX } from "./limits.ts";
import type { ClusterUi, LocalCluster } from "./local-cluster.ts";
import { lossesText, pendingText } from "./losses.ts";
import type { Member } from "./member.ts";
import { type MemberVerb, ORDERS_HELP, parseOrder } from "./order.ts";
import { refuseUsedPorts } from "./preflight.ts";

/** Carries out what a person asks of a running cluster by lines of text, one after the other. */
export class Operator {
  readonly #cluster: LocalCluster;
  readonly #ui: ClusterUi;
  #orders: Promise<void> = Promise.resolve();

  constructor(cluster: LocalCluster, ui: ClusterUi) {
    this.#cluster = cluster;
    this.#ui = ui;
  }

  /** Resolves when it is done; lines that come meanwhile wait. */
  take(line: string): Promise<void> {
    this.#orders = this.#orders
      .then(() => this.#carryOut(line))
      .catch((error: unknown) => this.#say(error instanceof Error ? error.message : String(error)));
    return this.#orders;
  }

  async #carryOut(line: string): Promise<void> {
    if (this.#cluster.isEnding) return;
    const order = parseOrder(line);
    switch (order.kind) {
      case "nothing":
        return;
      case "refused":
        return this.#say(order.why);
      case "help":
        return this.#ui.say(ORDERS_HELP);
      case "status":
        return this.#tellStatus();
      case "add-broker":
        return this.#addBroker();
      default:
        return this.#ask(order.kind, order.name);
    }
  }

  async #ask(verb: MemberVerb, name: string): Promise<void> {
    const member = this.#cluster.find(name);
    if (member === undefined) return this.#say(`there is no ${name}: ${this.#cluster.members.map(({ plan }) => plan.name).join(", ")}`);
    if (verb === "replace") return this.#replace(member);
    if (verb === "start") return this.#start(member);
    if (!member.isRunning) return this.#say(`${name} does not run`);
    await (verb === "stop" ? member.stop() : member.kill());
    this.#say(verb === "stop" ? `${name} has stopped` : `${name} was killed`);
  }

  async #start(member: Member): Promise<void> {
    if (member.isRunning) return this.#say(`${member.plan.name} runs already`);
    await refuseUsedPorts([member.plan]);
    if (!this.#cluster.isEnding) member.start();
  }

  async #addBroker(): Promise<void> {
    const brokers = this.#cluster.of("broker").length;
    if (brokers >= BROKERS_MAX) return this.#say(`${brokers} brokers are enough for one machine`);
    const member = this.#cluster.addBroker();
    this.#say(`${member.plan.name} is new; partitions that are there stay where they are, new ones come to it, too`);
    await this.#start(member);
  }

  /** The folder of a broker has nothing that comes back. */
  async #replace(member: Member): Promise<void> {
    const { name, http, folder } = member.plan;
    const pending = await pendingText(http);
    await member.kill();
    if (folder === undefined || this.#cluster.isEnding) return;
    rmSync(folder, { recursive: true, force: true });
    this.#say(`${name} was killed, its folder is deleted: ${pending}`);
    await this.#start(member);
    if (await member.whenBegun()) this.#say(`${name} is back with an empty folder: ${await lossesText(http)}`);
  }

  #tellStatus(): Promise<void> {
    const rows = this.#cluster.members.map((member): Cell[] => {
      const { name, kafka, http } = member.plan;
      const { upMs, pid } = member;
      const where = kafka === undefined ? "–" : addressText(kafka);
      return [name, member.state, pid ?? "–", upMs === undefined ? "–" : durationText(upMs), where, addressText(http)];
    });
    return printTable(["PROCESS", "STATE", "PID", "UP FOR", "KAFKA", "HTTP"], rows, "");
  }

  #say(text: string): void {
    this.#ui.say(`${text}\n`);
  }
}
