import { type Address, type ByteStream, type Transport, TransportError } from "@tidemq/client/transport.ts";
import { NetworkError } from "@tidemq/server/io/network.ts";
import type { SimNetwork } from "@tidemq/server/testing/sim-io/network.ts";
import type { SimProcess } from "@tidemq/server/testing/sim-io/process.ts";

/** The simulated network as a client's transport. */
export function simTransport(network: SimNetwork, process: SimProcess): Transport {
  return {
    async connect(address: Address, _timeoutMs: number): Promise<ByteStream> {
      try {
        return await network.connect(process, process.name, address);
      } catch (error) {
        if (error instanceof NetworkError) throw new TransportError("refused", error.message, { cause: error });
        throw error;
      }
    },
  };
}
