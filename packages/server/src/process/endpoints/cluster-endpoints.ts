import type { HostPort } from "../../config/option-types.ts";
import type { HttpReply, HttpRequest } from "../../io/real/http-server.ts";
import type { Peer } from "../../peer-net/peer.ts";
import { METRICS_CONTENT_TYPE, type Metrics } from "../../telemetry/metrics.ts";
import type { ControllerNode } from "../control/controller-node.ts";
import { SERVER_VERSION } from "../version.ts";
import { type ClusterView, viewCluster } from "./cluster-view.ts";
import { type HttpEndpoints, json, text } from "./http-endpoints.ts";

/** What `GET /health` of a process that is no broker answers. */
export type ControllerHealth = Readonly<{
  status: "ok" | "degraded";
  problems: readonly string[];
  version: string;
  nodeId: number;
  /** Null while that is not known yet. */
  clusterId: string | null;
  leads: boolean;
}>;

/** What the HTTP address of a process in a cluster serves, from the moment it starts. */
export class ClusterEndpoints {
  readonly #nodeId: number;
  readonly #metrics: Metrics;
  /** As others reach this process. */
  readonly #peer: HostPort;
  controller: ControllerNode | undefined;
  broker: HttpEndpoints | undefined;
  /** The controllers that this process has sessions with. */
  controllers: readonly Peer[] = [];

  /** @param metrics Of the process, when it is no broker. */
  constructor(nodeId: number, metrics: Metrics, peer: HostPort) {
    this.#nodeId = nodeId;
    this.#metrics = metrics;
    this.#peer = peer;
  }

  async handle(request: HttpRequest): Promise<HttpReply> {
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (request.path === "/cluster" && isRead) return json(200, await this.#view());
    if (this.broker !== undefined) return this.broker.handle(request);
    if (!isRead) return text(405, "only GET is served here\n");
    switch (request.path) {
      case "/metrics":
        return { status: 200, contentType: METRICS_CONTENT_TYPE, body: this.#metrics.text() };
      case "/health":
        return json(200, this.#health());
      case "/ready":
        return this.#isReady ? text(200, "ready\n") : text(503, "not ready\n");
      default:
        return text(404, "served here: /metrics /health /ready /cluster\n");
    }
  }

  /** A broker answers for itself when it is there; before, the process is not ready. */
  get #isReady(): boolean {
    return this.controllers.length === 0 && this.controller !== undefined;
  }

  async #view(): Promise<ClusterView> {
    if (this.controllers.length > 0) return viewCluster(this.controllers);
    const description = this.controller?.describe();
    const error = description === undefined ? "it is starting" : undefined;
    return { controllers: [{ address: this.#peer, description, error }], peers: [] };
  }

  #health(): ControllerHealth {
    const description = this.controller?.describe();
    const problems: string[] = [];
    if (!this.#isReady) problems.push("it is starting: waits for object storage, or for a controller");
    if (description !== undefined && description.problem !== "") problems.push(description.problem);
    return {
      status: problems.length === 0 ? "ok" : "degraded",
      problems,
      version: SERVER_VERSION,
      nodeId: this.#nodeId,
      clusterId: description?.clusterId ?? null,
      leads: description?.leads ?? false,
    };
  }
}
