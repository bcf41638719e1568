import type { Controller } from "../../controller/controller.ts";
import type { NamedObjects } from "../../tier/object-references.ts";

/** A write-ahead log, as registration names it: docs/formats/metadata-log.md, register-broker. */
export type RegisteredLog = Readonly<{ walId: string; walIndex: number; walDamaged: boolean }>;

/** How the broker of this process knows the cluster's state and has it changed: by a log of its own, or by a session with a controller. */
export interface ControlPlane {
  readonly brokerId: number;
  /** On the state as of the newest batch applied here: everything that was in the log when this process started, at least. */
  readonly controller: Controller;
  /** Everything that the metadata names, whichever broker serves it. */
  readonly named: NamedObjects;
  /** Of the metadata log in this process's folder; 0 without one. */
  readonly logBytes: number;
  /** Why nothing of the metadata can change at the moment; undefined: nothing that is known stands in the way. */
  readonly problem: string | undefined;

  /**
   * This process is the broker from now on, with this log. Resolves with its broker epoch, applied here.
   * @throws {QueueError} CORRUPT_METADATA, START_REFUSED.
   */
  register(log: RegisteredLog): Promise<number>;

  /** The broker is ready: it leads what it may, now and whenever it comes back after it was fenced. Resolves when that is applied here. */
  lead(): Promise<void>;

  /**
   * The broker is about to stop: others lead, from now on, what they can. Resolves when that is applied here, and at once where nobody else
   * has anything; without a controller it gives up after a moment.
   */
  handOver(): Promise<void>;

  /** Ends what is under way. */
  close(): Promise<void>;
}
