import { QueueError } from "../../base/errors.ts";
import type { ClusterState } from "../../cluster/cluster-state.ts";
import { NEWEST_COMMAND } from "../../cluster/command-codec.ts";
import type { Register } from "../../peer-net/proto/controller/broker.ts";

/** Why this process cannot be a broker here; undefined when it can. What a command checks by itself is not checked. */
export function registrationProblem(state: ClusterState, register: Register, running: string | undefined): QueueError | undefined {
  const { brokerId, clusterId, formatVersion, appliedIndex, incarnation, brokerEpoch } = register;
  if (clusterId !== state.clusterId)
    return refused(`the broker belongs to cluster ${clusterId}, this is ${state.clusterId}: point it at its own controllers`);
  if (formatVersion < NEWEST_COMMAND)
    return new QueueError(
      "NEWER_FORMAT",
      `the controllers are of newer software than broker ${brokerId}: update it. format=${formatVersion} needed=${NEWEST_COMMAND}`,
    );
  if (appliedIndex > state.index)
    return refused(`broker ${brokerId} knows metadata that this log does not have. applied=${appliedIndex} end=${state.index}`);
  if (brokerEpoch > 0 && state.brokers.get(brokerId)?.epoch !== brokerEpoch)
    return refused(`another process has become broker ${brokerId} meanwhile; this one must not go on. epoch=${brokerEpoch}`);
  if (running !== undefined && running !== incarnation)
    return refused(`broker ${brokerId} is running already: stop that process first, or start this one with another id`);
  return undefined;
}

function refused(message: string): QueueError {
  return new QueueError("START_REFUSED", message);
}
