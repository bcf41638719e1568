import { httpStatusOf, QueueError } from "../../base/errors.ts";
import { BrokerDrain } from "../../controller/broker-drain.ts";
import type { HttpReply, HttpRequest } from "../../io/real/http-server.ts";
import { METRICS_CONTENT_TYPE, type Metrics } from "../../telemetry/metrics.ts";
import type { AcceptedLoss, Broker } from "../broker/broker.ts";
import { healthOf } from "./health.ts";
import { viewReplicas } from "./replica-view.ts";

/**
 * A page in a browser cannot send a header of its own to another origin without asking first, and nobody here allows it:
 * so no web page can make a person's own browser give up data.
 */
const ACCEPT_LOSS_HEADER = "x-tidemq-accept-loss";
/** Likewise: an audit asks much of the bucket. */
const AUDIT_HEADER = "x-tidemq-audit";
/** Likewise, and what is to be done: `plan`, `begin` or `cancel`. */
const DRAIN_HEADER = "x-tidemq-drain";
const DRAIN = /^\/brokers\/(\d{1,9})\/drain$/;
/** Internal topics have their `@` as it is or encoded. */
const RECOVER = /^\/partitions\/((?:@|%40)?[A-Za-z0-9._-]{1,249})\/(\d{1,9})\/recover$/;

/** Replicas of a topic, as the leaders of its partitions have them. */
const REPLICAS = /^\/replicas\/((?:@|%40)?[A-Za-z0-9._-]{1,249})$/;

/** What the HTTP address serves: scrapes, probes, and the one decision that only a person may take. */
export class HttpEndpoints {
  readonly #broker: Broker;
  readonly #metrics: Metrics;
  /** Clients can connect. */
  isReady = false;

  constructor(broker: Broker, metrics: Metrics) {
    this.#broker = broker;
    this.#metrics = metrics;
  }

  async handle(request: HttpRequest): Promise<HttpReply> {
    const recover = RECOVER.exec(request.path);
    if (recover !== null) return this.#recover(request, decodeURIComponent(recover[1] ?? ""), Number(recover[2]));
    if (request.path === "/storage/audit" && request.method === "POST") return this.#beginAudit(request);
    const drain = DRAIN.exec(request.path);
    if (drain !== null) return this.#drain(request, Number(drain[1]));
    if (request.method !== "GET" && request.method !== "HEAD") return text(405, "only GET is served here\n");
    const replicas = REPLICAS.exec(request.path);
    if (replicas !== null) return this.#replicas(decodeURIComponent(replicas[1] ?? ""));
    switch (request.path) {
      case "/metrics":
        return { status: 200, contentType: METRICS_CONTENT_TYPE, body: this.#metrics.text() };
      case "/health":
        return json(200, healthOf(this.#broker));
      case "/ready":
        return this.isReady ? text(200, "ready\n") : text(503, "not ready\n");
      case "/storage/audit":
        return this.#audit();
      default:
        return text(404, "served here: /metrics /health /ready\n");
    }
  }

  async #replicas(topic: string): Promise<HttpReply> {
    const replicas = await viewReplicas(this.#broker, topic);
    return replicas === undefined ? failure(404, `no such topic: ${topic}`) : json(200, replicas);
  }

  #beginAudit(request: HttpRequest): HttpReply {
    if (request.header(AUDIT_HEADER) !== "yes")
      return failure(400, `an audit reads all of the bucket's index: ask for it with the header ${AUDIT_HEADER}: yes`);
    return json(202, this.#broker.audits.begin());
  }

  /** How far it is, or what it found. */
  #audit(): HttpReply {
    const { last } = this.#broker.audits;
    return last === undefined ? failure(404, "no audit has run since the server started: POST /storage/audit begins one") : json(200, last);
  }

  async #drain(request: HttpRequest, id: number): Promise<HttpReply> {
    const drain = new BrokerDrain(this.#broker.controller, this.#broker.world.clock);
    try {
      if (request.method !== "POST") return json(200, drain.status(id));
      switch (request.header(DRAIN_HEADER)) {
        case "plan":
          return json(200, { ...drain.status(id), moves: await drain.plan(id) });
        case "begin":
          return json(200, await drain.begin(id));
        case "cancel":
          return json(200, await drain.cancel(id));
        default:
          return failure(400, `say what is to be done with the header ${DRAIN_HEADER}: plan, begin or cancel`);
      }
    } catch (thrown) {
      const error = QueueError.from(thrown);
      return failure(httpStatusOf(error.code), error.message);
    }
  }

  async #recover(request: HttpRequest, topic: string, index: number): Promise<HttpReply> {
    if (request.method !== "POST") return text(405, "POST it\n");
    if (request.header(ACCEPT_LOSS_HEADER) !== "yes") {
      return failure(400, `records are given up for good: say so with the header ${ACCEPT_LOSS_HEADER}: yes`);
    }
    try {
      const accepted = await this.#broker.acceptLoss(topic, index);
      return json(200, { message: describe(accepted, `${topic}:${index}`), topic, partition: index, accepted });
    } catch (thrown) {
      const error = QueueError.from(thrown);
      return failure(httpStatusOf(error.code), error.message);
    }
  }
}

function describe(accepted: AcceptedLoss, partition: string): string {
  if (accepted.kind === "ranges")
    return `gave up offsets ${accepted.ranges.map(({ from, to }) => `${from} to ${to - 1}`).join(", ")} of ${partition}`;
  const when = accepted.isServed ? "" : ", as soon as object storage can be read";
  return `gave up what the lost write-ahead log held of ${partition}; it goes on at offset ${accepted.from}${when}`;
}

export function text(status: number, body: string): HttpReply {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

export function json(status: number, value: unknown): HttpReply {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

function failure(status: number, message: string): HttpReply {
  return json(status, { message });
}
