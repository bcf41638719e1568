/** Paths of the service `BrokerSession` (proto/controller/broker.proto), which controllers serve to brokers. */
export const BROKER_SESSION = {
  /** A stream of `BrokerMessage` against one of `ControllerMessage`. */
  session: "/tidemq.controller.v1.BrokerSession/Session",
  /** A stream: one `SnapshotRequest`, then `SnapshotPiece`s. */
  readSnapshot: "/tidemq.controller.v1.BrokerSession/ReadSnapshot",
  /** A call: `NamedRequest` → `NamedPage`. */
  readNamed: "/tidemq.controller.v1.BrokerSession/ReadNamed",
  /** A call: `DescribeRequest` → `Description`. */
  describe: "/tidemq.controller.v1.BrokerSession/Describe",
} as const;

/** Of `SnapshotPiece`. */
export const SNAPSHOT_PAYLOAD_FIELD = 5;
