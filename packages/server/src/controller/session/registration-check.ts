import { QueueError } from "../../base/errors.ts";
import type { ClusterState } from "../../cluster/cluster-state.ts";
import { NEWEST_COMMAND } from "../../cluster/command-codec.ts";
import type { Follow, Register } from "../../peer-net/proto/controller/broker.ts";

/** Why a process cannot be told what is in the log; undefined when it can. */
export function followProblem(state: ClusterState, { clusterId, formatVersion, appliedIndex }: Follow): QueueError | undefined {
  if (clusterId !== state.clusterId)
    return refused(`the broker belongs to cluster ${clusterId}, this is ${state.clusterId}: point it at its own controllers`);
  if (formatVersion < NEWEST_COMMAND)
    return new QueueError(
      "NEWER_FORMAT",
      `the controllers are of newer software than the broker: update it. format=${formatVersion} needed=${NEWEST_COMMAND}`,
    );
  if (appliedIndex > state.index)
    return refused(`the broker knows metadata that this log does not have. applied=${appliedIndex} end=${state.index}`);
  return undefined;
}

/** Why this process cannot be a broker here; undefined when it can. What a command checks by itself is not checked. */
export function registrationProblem(state: ClusterState, register: Register, running: string | undefined): QueueError | undefined {
  const { brokerId, walIndex, incarnation, brokerEpoch } = register;
  const problem = followProblem(state, register);
  if (problem !== undefined) return problem;
  if (walIndex > state.index)
    return refused(
      `the write-ahead log of broker ${brokerId} knows metadata that this log does not have: it belongs to a later state of the ` +
        `cluster, or part of the metadata log is lost. write-ahead log=${walIndex} end=${state.index}`,
    );
  if (brokerEpoch > 0 && state.brokers.get(brokerId)?.epoch !== brokerEpoch)
    return refused(`another process has become broker ${brokerId} meanwhile; this one must not go on. epoch=${brokerEpoch}`);
  if (running !== undefined && running !== incarnation)
    return refused(`broker ${brokerId} is running already: stop that process first, or start this one with another id`);
  return undefined;
}

function refused(message: string): QueueError {
  return new QueueError("START_REFUSED", message);
}
