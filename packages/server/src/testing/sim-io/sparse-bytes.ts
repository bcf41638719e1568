import { PAGE_BYTES } from "./limits.ts";

/** A file's contents. Pages that were never written, or only zeroed, take no memory. */
export class SparseBytes {
  readonly #pages = new Map<number, Uint8Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** At most `target.byteLength` bytes, fewer at the end; the number read. */
  read(position: number, target: Uint8Array): number {
    const length = Math.max(0, Math.min(target.byteLength, this.#size - position));
    for (let done = 0; done < length; ) {
      const at = position + done;
      const within = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - within, length - done);
      const page = this.#pages.get(Math.floor(at / PAGE_BYTES));
      if (page === undefined) target.fill(0, done, done + count);
      else target.set(page.subarray(within, within + count), done);
      done += count;
    }
    return length;
  }

  write(position: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.byteLength; ) {
      const at = position + done;
      const within = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - within, bytes.byteLength - done);
      this.#page(Math.floor(at / PAGE_BYTES)).set(bytes.subarray(done, done + count), within);
      done += count;
    }
    this.grow(position + bytes.byteLength);
  }

  zero(from: number, to: number): void {
    for (let at = from; at < to; ) {
      const index = Math.floor(at / PAGE_BYTES);
      const end = Math.min((index + 1) * PAGE_BYTES, to);
      if (end - at === PAGE_BYTES) this.#pages.delete(index);
      else this.#pages.get(index)?.fill(0, at - index * PAGE_BYTES, end - index * PAGE_BYTES);
      at = end;
    }
    this.grow(to);
  }

  grow(size: number): void {
    this.#size = Math.max(this.#size, size);
  }

  truncate(size: number): void {
    if (size < this.#size) this.#cutPages(size);
    this.#size = size;
  }

  copy(): SparseBytes {
    const copy = new SparseBytes();
    for (const [index, page] of this.#pages) copy.#pages.set(index, page.slice());
    copy.#size = this.#size;
    return copy;
  }

  #page(index: number): Uint8Array {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = new Uint8Array(PAGE_BYTES);
      this.#pages.set(index, page);
    }
    return page;
  }

  #cutPages(size: number): void {
    for (const [index, page] of this.#pages) {
      const start = index * PAGE_BYTES;
      if (start >= size) this.#pages.delete(index);
      else if (start + PAGE_BYTES > size) page.fill(0, size - start);
    }
  }
}
