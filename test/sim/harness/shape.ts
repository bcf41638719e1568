import type { StartConfig } from "@tidemq/server/config/server-config.ts";
import type { SimRandom } from "@tidemq/server/testing/sim-io/random.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Sizes of the node of one run: small and by chance, so that other things coincide in other runs. */
export function randomConfig(random: SimRandom): Partial<StartConfig> {
  const walFileBytes = random.pick([256 * KIB, 256 * KIB, 512 * KIB]);
  const walFiles = random.between(10, 14);
  return {
    walFileBytes,
    walCapacityBytes: walFiles * walFileBytes,
    uploadBytes: random.pick([32 * KIB, 128 * KIB, 512 * KIB]),
    uploadAgeMs: random.pick([300, 1_000, 2_500]),
    retentionCheckMs: random.pick([1_000, 3_000]),
    writeMemoryBytes: random.pick([512 * KIB, 1 * MIB, 2 * MIB]),
    readMemoryBytes: random.pick([1 * MIB, 2 * MIB]),
  };
}
