/** Kinds of resource that options belong to, as Kafka numbers them. */
export const RESOURCE = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const;
