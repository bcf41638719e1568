import { QueueError } from "../base/errors.ts";

/** Where metadata went, and the newest batch that went along. */
export type Moved = Readonly<{ index: number; place: string }>;

/** A log that goes on elsewhere: nobody appends to it any more. */
export class MetadataMovedError extends QueueError {
  readonly moved: Moved;

  constructor(moved: Moved) {
    super(
      "START_REFUSED",
      `the metadata was moved to ${moved.place} and goes on there: start with that. The way back is another copy: ` +
        `tidemq metadata copy --from ${moved.place} --to an empty place. If that copy was not finished, run it again. index=${moved.index}`,
    );
    this.moved = moved;
  }
}
