import type { ClientTelemetry } from "../client-telemetry/client-telemetry.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import type { BrokerConfigEntry } from "../config/broker-options.ts";
import type { HostPort } from "../config/option-types.ts";
import type { Controller } from "../controller/controller.ts";
import type { GroupCoordinator } from "../coordinator/group-coordinator.ts";
import type { Clock } from "../io/clock.ts";
import type { Random } from "../io/random.ts";
import type { OffsetLookup } from "../partition/offset-lookup.ts";
import type { Partitions } from "../partition/partitions.ts";
import type { TurnShare } from "../quota/turn-share.ts";
import type { Log } from "../telemetry/log.ts";
import type { RequestCounters } from "./request-counters.ts";

export type KafkaOptions = Readonly<{
  brokerId: number;
  /** What clients are told to connect to; undefined: the address that the client reached. */
  advertise: HostPort | undefined;
  autoCreateTopics: boolean;
  /** A client is sent to a follower in its rack. */
  fetchFromFollowers: boolean;
  /** Named in DescribeLogDirs. */
  dataFolder: string;
}>;

/** What the handlers work with. */
export type KafkaParts = Readonly<{
  options: KafkaOptions;
  clock: Clock;
  random: Random;
  log: Log;
  state: ClusterState;
  controller: Controller;
  partitions: Partitions;
  offsets: OffsetLookup;
  groups: GroupCoordinator;
  counters: RequestCounters;
  telemetry: ClientTelemetry;
  /** What answers read from files and objects may take of a turn of the loop. */
  coldTurns: TurnShare;
  /** DescribeConfigs of this broker. */
  brokerConfigs(): readonly BrokerConfigEntry[];
  /** Why this broker could not run with these options set. */
  dynamicProblem(configs: ReadonlyMap<string, string>): string | undefined;
  /** Ends the process. */
  fatal(error: Error): void;
}>;
