const MEMBER = /^(?:broker|controller)-[1-9]\d{0,8}$/;
const VERBS = ["stop", "kill", "start", "replace"] as const;

/** What a person can ask of one process of the cluster. */
export type MemberVerb = (typeof VERBS)[number];

/** What a line of standard input asks for. `refused`: nothing, for a reason. */
export type Order =
  | Readonly<{ kind: MemberVerb; name: string }>
  | Readonly<{ kind: "add-broker" | "status" | "help" | "nothing" }>
  | Readonly<{ kind: "refused"; why: string }>;

/** Shown for `help`. */
export const ORDERS_HELP = `stop broker-2       end it as Ctrl-C would; controllers likewise: stop controller-101
kill broker-2       end it at once, as kill -9 would
start broker-2      start it again
replace broker-2    kill it, delete its folder and start it anew, as if its machine had been lost
add broker          one more
status              what runs
help                this text
Controllers cannot be added: brokers are told their addresses when they start. Ctrl-C, then start with --controllers N.
`;

/** Reads one line. */
export function parseOrder(line: string): Order {
  const words = line.trim().split(/\s+/);
  const [first = "", second = ""] = words;
  if (first === "") return { kind: "nothing" };
  if (words.length === 1 && (first === "status" || first === "help")) return { kind: first };
  if (words.length === 2 && first === "add") return addOrder(second);
  const verb = VERBS.find((one) => one === first);
  if (verb === undefined || words.length !== 2) return refused(`not understood: ${line.trim()}; try: help`);
  if (!MEMBER.test(second)) return refused(`${verb} whom? Such as: ${verb} broker-2`);
  if (verb === "replace" && second.startsWith("controller"))
    return refused("a controller keeps nothing that could be lost: stop and start it");
  return { kind: verb, name: second };
}

function addOrder(what: string): Order {
  if (what === "broker") return { kind: "add-broker" };
  if (what !== "controller") return refused("add what? Possible is: add broker");
  return refused("brokers are told the controllers when they start: press Ctrl-C, then start with --controllers N");
}

function refused(why: string): Order {
  return { kind: "refused", why };
}
