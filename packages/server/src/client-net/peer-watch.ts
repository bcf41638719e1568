import {
  FRAME_STALL_MS_MAX,
  SWEEP_MS,
  TIGHT_BYTES_PER_SWEEP_MIN,
  TIGHT_PENDING_BYTES_MIN,
  TIGHT_SWEEPS_MAX,
  WRITE_STALL_MS_MAX,
} from "./limits.ts";

/** What a connection's peer has done so far. Bytes count since the connection began. */
export type PeerState = Readonly<{
  receivedBytes: number;
  /** Given to the kernel or waiting for it, and of that, not yet taken. */
  sentBytes: number;
  pendingBytes: number;
  /** The peer began a frame and owes the rest, and we are reading. */
  owesFrame: boolean;
  /** It is our turn: something is unanswered, or we do not read. */
  isOurTurn: boolean;
}>;

/** Whether memory for arriving frames or for answers is nearly spent: slowness is then no longer a private matter. */
export type Pressure = Readonly<{ frames: boolean; answers: boolean }>;

/** What becomes of the connection: nothing, a quiet end, or an end with this reason. */
export type PeerVerdict = "fine" | "idle" | Readonly<{ reason: string }>;

/**
 * Judges one peer once per sweep. A peer that stands still is cut off after half a minute. One that is merely slow may
 * take its time, until the broker runs out of memory for frames or answers: then it has to be faster than a trickle, or
 * a few of its kind would stop everybody.
 */
export class PeerWatch {
  #receivedBytes = 0;
  #takenBytes = 0;
  #sweepsIdle = 0;
  #sweepsStalled = 0;
  #sweepsSlowFrame = 0;
  #sweepsSlowAnswer = 0;

  judge(state: PeerState, idleSweepsMax: number, pressure: Pressure): PeerVerdict {
    const received = state.receivedBytes - this.#receivedBytes;
    const takenBytes = state.sentBytes - state.pendingBytes;
    const taken = takenBytes - this.#takenBytes;
    this.#receivedBytes = state.receivedBytes;
    this.#takenBytes = takenBytes;

    this.#sweepsStalled = state.pendingBytes > 0 && taken === 0 ? this.#sweepsStalled + 1 : 0;
    if (this.#sweepsStalled >= sweeps(WRITE_STALL_MS_MAX)) return { reason: "the peer takes no bytes of its answers" };
    const isSlowAnswer = pressure.answers && state.pendingBytes > TIGHT_PENDING_BYTES_MIN && taken < TIGHT_BYTES_PER_SWEEP_MIN;
    this.#sweepsSlowAnswer = isSlowAnswer ? this.#sweepsSlowAnswer + 1 : 0;
    if (this.#sweepsSlowAnswer >= TIGHT_SWEEPS_MAX)
      return { reason: "the peer takes its answers slowly while memory for answers is short" };

    this.#sweepsIdle = received > 0 || state.isOurTurn ? 0 : this.#sweepsIdle + 1;
    if (state.owesFrame && this.#sweepsIdle >= sweeps(FRAME_STALL_MS_MAX)) return { reason: "a request stopped in the middle" };
    const isSlowFrame = pressure.frames && state.owesFrame && received < TIGHT_BYTES_PER_SWEEP_MIN;
    this.#sweepsSlowFrame = isSlowFrame ? this.#sweepsSlowFrame + 1 : 0;
    if (this.#sweepsSlowFrame >= TIGHT_SWEEPS_MAX) return { reason: "a request arrives slowly while memory for requests is short" };
    return this.#sweepsIdle >= idleSweepsMax ? "idle" : "fine";
  }
}

export function sweeps(ms: number): number {
  return Math.ceil(ms / SWEEP_MS);
}
