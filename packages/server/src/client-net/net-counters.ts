/** Read when metrics are scraped; counts since the start of the process. */
export class NetCounters {
  connectionsOpen = 0;
  connectionsAccepted = 0;
  /** Above the limit of connections. */
  connectionsRefused = 0;
  /** Closed because of what the peer did: no Kafka, a stalled frame, answers not taken. */
  connectionsCutOff = 0;
  connectionsIdled = 0;
  bytesReceived = 0;
  bytesSent = 0;
  requestsStarted = 0;
  /** Times that reading from a connection was stopped because of throttling. */
  throttled = 0;
  throttledMs = 0;
}
