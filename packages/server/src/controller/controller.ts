import { QueueError } from "../base/errors.ts";
import { ClusterState } from "../cluster/cluster-state.ts";
import type { Answers, Command, CommandKind, RangeVerdict } from "../cluster/commands.ts";
import type { Effect } from "../cluster/effects.ts";
import type { Clock } from "../io/clock.ts";
import type { Random } from "../io/random.ts";
import type { MetadataLog } from "../metadata-log/metadata-log.ts";
import type { ObjectRange } from "../model/object-range.ts";
import type { Log } from "../telemetry/log.ts";
import type {
  ConfigOperation,
  CreatePartitionsRequest,
  CreatePartitionsResult,
  CreateTopicRequest,
  CreateTopicResult,
  DeleteTopicResult,
  TopicReference,
} from "./requests.ts";

export type ControllerOptions = Readonly<{ clusterId: string; defaultPartitions: number; defaultReplicationFactor: number }>;

export type ControllerParts = Readonly<{ log: MetadataLog; clock: Clock; random: Random; logger: Log; fatal: (error: Error) => void }>;

/** Hears what every applied batch changed, in order, in the turn in which it was applied and before anybody is answered. */
export type AppliedListener = (effects: readonly Effect[], index: number) => void;

/**
 * The control plane: decides on the state, appends commands to the metadata log, applies them, answers after apply.
 * Methods reject with `QueueError`; a log that fails ends the process through `fatal`.
 */
export class Controller {
  readonly state: ClusterState;

  private constructor(options: ControllerOptions) {
    this.state = new ClusterState(options.clusterId);
  }

  /** Snapshot and log → state. Appends nothing. */
  static open(options: ControllerOptions, _parts: ControllerParts): Promise<Controller> {
    return Promise.resolve(new Controller(options));
  }

  /** Becomes the controller in a new epoch. On a local log at once: the folder's lock is the proof. */
  claim(): Promise<void> {
    return notBuilt();
  }

  /** The result removes the listener. */
  onApplied(_listener: AppliedListener): () => void {
    return () => {};
  }

  /** Appends one command; resolves with its answer after apply. */
  submit<C extends Command>(_command: C): Promise<Answers[C["kind"] & CommandKind]> {
    return notBuilt();
  }

  /** Resolves with the new broker epoch. */
  registerBroker(_broker: Readonly<{ id: number; host: string; rack: string }>): Promise<number> {
    return notBuilt();
  }

  /** Makes the registered broker leader, in a new leader epoch, of what nobody leads. Resolves with the number of partitions. */
  electLeaders(_broker: number): Promise<number> {
    return notBuilt();
  }

  /** One result a request, in order. */
  createTopics(_requests: readonly CreateTopicRequest[], _validateOnly: boolean): Promise<CreateTopicResult[]> {
    return notBuilt();
  }

  deleteTopics(_topics: readonly TopicReference[]): Promise<DeleteTopicResult[]> {
    return notBuilt();
  }

  createPartitions(_requests: readonly CreatePartitionsRequest[], _validateOnly: boolean): Promise<CreatePartitionsResult[]> {
    return notBuilt();
  }

  alterTopicConfigs(_topic: string, _operations: readonly ConfigOperation[], _validateOnly: boolean): Promise<void> {
    return notBuilt();
  }

  /** A block of producer ids for this broker: [first, first + count). */
  allocateProducerIds(_broker: number, _count: number): Promise<Readonly<{ first: number; count: number }>> {
    return notBuilt();
  }

  /** One verdict a range, in order. Ranges of the broker's current epoch. */
  commitObject(_broker: number, _ranges: readonly ObjectRange[]): Promise<readonly RangeVerdict[]> {
    return notBuilt();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function notBuilt(): Promise<never> {
  return Promise.reject(new QueueError("NOT_IMPLEMENTED", "not implemented"));
}
