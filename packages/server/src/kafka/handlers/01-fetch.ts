import { ApiKey } from "@tidemq/protocol/api-keys.ts";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { fetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";
import { ActiveFetch } from "../active-fetch.ts";
import type { ApiHandler } from "../api-handler.ts";
import { DamageLog } from "../damage-log.ts";
import { sendFetchAnswer } from "../fetch-response.ts";
import { FetchSessions } from "../fetch-session.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { REQUEST_STRUCTS_MAX } from "../limits.ts";

/*
 * Behaviour
 * - Answers at once when `minBytes` are there, when any partition has an error, or when nothing is fetched; else waits for
 *   the high watermarks to move, at most `maxWaitMs`. Nothing at or above a mark is ever sent.
 * - `maxBytes` and `partitionMaxBytes` are kept, but for the first batch of the answer, which is sent whole however large;
 *   batches are never cut. 55 MiB at most.
 * - An offset outside [log start, log end] is OFFSET_OUT_OF_RANGE; one between the mark and the end is an empty answer.
 * - Sessions as KIP-227. When there are too many, a client gets none and goes on with full requests.
 * - Records that are in memory are sent from where they lie; a reader so slow that their place is needed loses its connection.
 * - read_committed: no transactions exist, so the last stable offset is the mark and the list of aborted ones is empty.
 * - A client that says its rack is told a follower there, at once and without records: one that is in sync and has what is asked for,
 *   while the leader is in another rack (KIP-392; `fetch-from-followers`).
 * - A broker that follows, and is in sync, answers clients since v11 as a leader would, up to the mark that it has heard of: at most some
 *   20 ms behind. Beyond the end of its log is OFFSET_OUT_OF_RANGE, on which clients ask the leader. Anybody else is
 *   NOT_LEADER_OR_FOLLOWER.
 * - Followers do not fetch this way: a request with a replica id is refused.
 *
 * Version notes
 * - v4 isolation · v5 log start · v7 sessions · v9 leader epoch of the client · v11 rack, preferred replica
 * - v12 flexible, divergence, current leader · v13 topics by id · v15 replica state is tagged · v16 endpoints of new
 *   leaders · v17 replica folder · v18 high watermark of the follower
 */

const CONSUMER = -1;
const DEBUGGING_CONSUMER = -2;
const READ_COMMITTED = 1;

export function fetchHandler(parts: KafkaParts): ApiHandler {
  const sessions = new FetchSessions(parts.clock, parts.random);
  const damage = new DamageLog(parts.log, parts.clock);
  return {
    apiKey: ApiKey.Fetch,
    versions: fetchRequest.versions,
    start(connection, bytes, bodyStart, end, version, correlationId) {
      const startedMs = parts.clock.monotonicMs();
      const request = decodeMessage(fetchRequest, version, new ByteReader(bytes, bodyStart, end, REQUEST_STRUCTS_MAX));
      const refuse = (errorCode: number): void => {
        parts.counters.error(errorCode);
        parts.counters.answered(ApiKey.Fetch, parts.clock.monotonicMs() - startedMs);
        sendFetchAnswer(connection, version, correlationId, { errorCode, sessionId: 0, isReadCommitted: false, parts: [], endpoints: [] });
      };
      const replicaId = request.replicaState.replicaId === CONSUMER ? request.replicaId : request.replicaState.replicaId;
      if (replicaId !== CONSUMER && replicaId !== DEBUGGING_CONSUMER) return refuse(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
      const scope = sessions.scopeOf(request, version);
      if (scope.error !== undefined) return refuse(scope.error);
      const isReadCommitted = request.isolationLevel === READ_COMMITTED;
      const { session, isFull } = scope;
      const call = {
        connection,
        version,
        correlationId,
        request,
        positions: scope.positions,
        session,
        isFull,
        isReadCommitted,
        startedMs,
      };
      new ActiveFetch(parts, call, damage).start();
    },
  };
}
