/** One partition, as clients name it. */
export type Target = Readonly<{ topic: string; partition: number }>;
