import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../../base/errors.ts";
import { ClusterState } from "../../cluster/cluster-state.ts";
import type { PeerStream } from "../../io/peer-transport.ts";
import { BROKER_SESSION } from "../../peer-net/broker-session.ts";
import { decodeMessage, encodeMessage } from "../../peer-net/messages.ts";
import { Peers } from "../../peer-net/peers.ts";
import { BrokerMessage, ControllerMessage } from "../../peer-net/proto/controller/broker.ts";
import { NO_LOAD } from "../../process/load-meter.ts";
import { PeerEnd } from "../../testing/peer-end.ts";
import { RecordingLog } from "../../testing/recording-log.ts";
import { SimPeerNetwork } from "../../testing/sim-io/peer-transport.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { AppliedState } from "../applied-state.ts";
import { ControllerLink } from "./controller-link.ts";

const CONTROLLER = { host: "controller", port: 9_093 };
const SNAPSHOT = 900;

/** A controller that has trimmed its log above what the broker knows. */
class Trimmed extends PeerEnd {
  override message(bytes: Uint8Array): void {
    const { kind } = decodeMessage(BrokerMessage, bytes);
    if (kind?.$case === "register") {
      const value = { brokerEpoch: 1, controllerEpoch: 1, endIndex: SNAPSHOT + 1, sessionMs: 2_000, heartbeatMs: 400 };
      this.#say({ $case: "registered", value });
    } else this.#say({ $case: "snapshotNeeded", value: { index: SNAPSHOT } });
  }

  #say(kind: NonNullable<ControllerMessage["kind"]>): void {
    this.stream.send(encodeMessage(ControllerMessage, { kind }));
  }
}

test("a broker at work that missed what is only in a snapshot ends, and says what to do", async () => {
  const world = new SimWorld(1);
  const network = new SimPeerNetwork(world);
  const accept = (stream: PeerStream) => new Trimmed(stream);
  const services = { calls: new Map(), streams: new Map([[BROKER_SESSION.session, accept]]) };
  await world.settle(
    network.attach(world.startProcess("controller"), { host: CONTROLLER.host }).listen(CONTROLLER.host, CONTROLLER.port, services),
  );
  const broker = world.startProcess("broker");
  const { clock, random } = broker;
  const peers = new Peers({ transport: network.attach(broker, { host: "broker" }), clock, random });
  let fatal: Error | undefined;
  const link = new ControllerLink({
    ...{ applied: new AppliedState(new ClusterState("cluster-1")), controllers: [peers.register(101, CONTROLLER)] },
    ...{ clock, random, logger: new RecordingLog(), load: () => NO_LOAD, fenced: () => undefined },
    fatal: (error) => {
      fatal ??= error;
    },
  });
  const identity = {
    id: 3,
    host: "broker",
    rack: "",
    listeners: [],
    walId: "0".repeat(16),
    walIndex: 0,
    walDamaged: false,
    incarnation: "a1",
  };
  void link.register(identity);
  link.start();
  await world.run(2_000);
  equal(fatal instanceof QueueError && fatal.code, "START_REFUSED");
  match(fatal?.message ?? "", /^broker 3 was without a controller for so long .*start it again.* applied=0 snapshot=900$/);
  await world.settle(link.close());
  peers.close();
});
