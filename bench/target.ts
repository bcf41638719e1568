/** A server under test, whichever it is. */
export type Target = Readonly<{
  host: string;
  port: number;
  processId: number;
  /** TideMQ's: where `/metrics` is. */
  httpPort?: number;
  /** TideMQ's: its data folder. */
  dataFolder?: string;
}>;

/** What one run of a case found; the name carries the unit. */
export type Figures = Readonly<Record<string, number>>;

/** Both servers acknowledge before a sync, or both after it. */
export type Mode = "unsynced" | "synced";

/** Event-loop delay of TideMQ since it was asked last; undefined for Kafka. */
export async function loopDelay(target: Target): Promise<Figures> {
  if (target.httpPort === undefined) return {};
  const text = await (await fetch(`http://${target.host}:${target.httpPort}/metrics`)).text();
  const ms = (name: string): number => Number(new RegExp(`^tidemq_event_loop_delay_${name}_seconds (.*)$`, "m").exec(text)?.[1]) * 1000;
  return { "loop delay p99 ms": ms("p99"), "loop delay max ms": ms("max") };
}
