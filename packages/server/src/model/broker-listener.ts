/** Where a broker is reached, by those who use the listener of this name. */
export type BrokerListener = Readonly<{ name: string; host: string; port: number }>;
