import { Client, type ClientOptions } from "../client.ts";
import { MemoryTransport } from "./memory-transport.ts";
import { ScriptedCluster } from "./scripted-cluster.ts";
import { VirtualWorld } from "./virtual-world.ts";

export type Scene = Readonly<{ world: VirtualWorld; transport: MemoryTransport; cluster: ScriptedCluster; client: Client }>;

/** A client and a scripted cluster in a world of their own. */
export function scene(options: Partial<ClientOptions> = {}, nodeIds: readonly number[] = [1], seed = 1): Scene {
  const world = new VirtualWorld(seed);
  const transport = new MemoryTransport(world);
  const cluster = new ScriptedCluster(world, transport, nodeIds);
  const client = new Client({ bootstrap: cluster.bootstrap, ...options }, { transport, clock: world, random: world });
  return { world, transport, cluster, client };
}
