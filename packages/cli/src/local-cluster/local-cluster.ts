import { addressText } from "@tidemq/client/transport.ts";
import { usesColours } from "../output.ts";
import { brokerPlan, type ClusterShape, controllerPlans, type MemberPlan } from "./layout.ts";
import { prefixed } from "./log-lines.ts";
import { Member, type MemberEvents } from "./member.ts";

/** Where a person reads. `say`: of the cluster; `log`: of its processes. Lines have their ends. */
export type ClusterUi = Readonly<{ say(text: string): void; log(line: string): void }>;

const NAME_CHARS = "controller-101".length;

/** Brokers and controllers of one cluster as children of this process. */
export class LocalCluster {
  readonly #shape: ClusterShape;
  readonly #ui: ClusterUi;
  readonly #members = new Map<string, Member>();
  readonly #begun = Promise.withResolvers<void>();
  readonly #emptied = Promise.withResolvers<void>();
  #isEnding = false;

  /** @param brokers Their numbers. */
  constructor(shape: ClusterShape, brokers: readonly number[], ui: ClusterUi) {
    this.#shape = shape;
    this.#ui = ui;
    for (const plan of [...brokers.map((id) => brokerPlan(shape, id)), ...controllerPlans(shape)]) this.#add(plan);
  }

  /** Brokers, then controllers, then brokers that were added. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  of(role: MemberPlan["role"]): readonly Member[] {
    return this.members.filter(({ plan }) => plan.role === role);
  }

  find(name: string): Member | undefined {
    return this.#members.get(name);
  }

  /** Nothing is started any more. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Resolves when each process has begun to serve, or has ended before. */
  whenBegun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Resolves when nothing runs any more and nobody wanted it so, or everybody: after `stopAll`. */
  whenEmptied(): Promise<void> {
    return this.#emptied.promise;
  }

  /** All at once: each waits for those whom it needs. */
  start(): void {
    for (const member of this.members) member.start();
  }

  /** One more broker, not started yet, with the lowest number that is free. */
  addBroker(): Member {
    let id = 1;
    while (this.#members.has(brokerPlan(this.#shape, id).name)) id += 1;
    return this.#add(brokerPlan(this.#shape, id));
  }

  /** Brokers first: while they stop, they have something to tell the controllers. */
  async stopAll(): Promise<void> {
    this.#isEnding = true;
    for (const role of ["broker", "controller"] as const) await Promise.all(this.of(role).map((member) => member.stop()));
    this.#emptied.resolve();
  }

  killAll(): void {
    this.#isEnding = true;
    for (const member of this.members) void member.kill();
  }

  #add(plan: MemberPlan): Member {
    const place = this.#members.size;
    const coloured = usesColours(process.stderr);
    const log = (text: string): void => this.#ui.log(`${prefixed(plan.name, NAME_CHARS, place, coloured, text)}\n`);
    const events: MemberEvents = {
      line: log,
      ready: () => {
        log(plan.kafka === undefined ? "ready" : `ready for Kafka clients at ${addressText(plan.kafka)}`);
        this.#look();
      },
      ended: (isAsked, how) => {
        if (isAsked) log(`ended`);
        else this.#tellEnd(plan.name, how);
        this.#look();
      },
    };
    const member = new Member(plan, events);
    this.#members.set(plan.name, member);
    return member;
  }

  #tellEnd(name: string, how: string): void {
    const lines = this.find(name)?.lastLines ?? [];
    const last = lines.length === 0 ? ", without a word" : `; its last lines:\n${lines.map((line) => `  ${line}\n`).join("")}`.trimEnd();
    this.#ui.say(`${name} has ended by itself (${how})${last}\nIt is not started again by itself: start ${name}\n`);
  }

  #look(): void {
    if (this.members.every(({ state }) => state !== "starting")) this.#begun.resolve();
    if (this.members.every(({ isRunning }) => !isRunning) && this.members.some(({ state }) => state === "ended")) this.#emptied.resolve();
  }
}
