import { QueueError } from "../../base/errors.ts";
import { ObjectStoreError } from "../../io/object-store.ts";
import type { Collector } from "../../tier/collector.ts";
import { WalkEnded } from "../../tier/object-references.ts";
import { type AuditParts, type AuditReport, StorageAudit } from "../../tier/storage-audit.ts";

/** What `GET /storage/audit` answers: the audit that runs, or the one that ran last. */
export type AuditView = Readonly<{
  state: "running" | "done" | "failed";
  /** Why it failed. */
  error: string | null;
  tookMs: number;
  report: AuditReport;
}>;

/** One audit at a time, behind everything else; its result is kept until the next one. */
export class StorageAudits {
  readonly #parts: Omit<AuditParts, "stopped">;
  readonly #collector: Collector;
  readonly #fatal: (error: Error) => void;
  #running = false;
  #stopped = false;
  #audit: StorageAudit | undefined;
  #error: string | null = null;
  #startMs = 0;
  #endMs = 0;

  /** @param fatal A broken invariant in the background: ends the process. */
  constructor(parts: Omit<AuditParts, "stopped">, collector: Collector, fatal: (error: Error) => void) {
    this.#parts = parts;
    this.#collector = collector;
    this.#fatal = fatal;
  }

  /** Begins one, unless one runs. */
  begin(): AuditView {
    if (!this.#running) {
      this.#running = true;
      this.#error = null;
      this.#startMs = this.#parts.clock.monotonicMs();
      const audit = new StorageAudit({ ...this.#parts, stopped: () => this.#stopped });
      this.#audit = audit;
      void this.#run(audit);
    }
    return this.#view(this.#audit as StorageAudit);
  }

  /** Undefined: none since the process began. */
  get last(): AuditView | undefined {
    return this.#audit === undefined ? undefined : this.#view(this.#audit);
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(audit: StorageAudit): Promise<void> {
    try {
      await this.#collector.alone(() => audit.run());
    } catch (error) {
      this.#error = (error as Error).message;
      if (!(error instanceof QueueError || error instanceof ObjectStoreError || error instanceof WalkEnded)) this.#fatal(error as Error);
    }
    this.#running = false;
    this.#endMs = this.#parts.clock.monotonicMs();
  }

  #view({ report }: StorageAudit): AuditView {
    const endMs = this.#running ? this.#parts.clock.monotonicMs() : this.#endMs;
    const state = this.#running ? "running" : this.#error === null ? "done" : "failed";
    return { state, error: this.#error, tookMs: Math.round(endMs - this.#startMs), report };
  }
}
