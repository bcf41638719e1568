import type { OutputForm } from "./output.ts";

/** What every command that talks to a cluster takes. */
export type ClusterOptions = Readonly<{ bootstrap: string; output: OutputForm }>;
