/** Where a broker is reached, by those who use the listener of this name. */
export type BrokerListener = Readonly<{ name: string; host: string; port: number }>;

/** The one where other brokers reach it; no listener of clients has such a name. */
export const PEER_LISTENER = "@peers";
