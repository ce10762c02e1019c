// Collects the hashes of a big file's blocks as its ranges arrive, in this run or an earlier one. All of them, read from one state of the
// source's file, prove it.

import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../../digest/digest.js';

/** The hashes of adjoining blocks; `offset` is that of the first one in the file. */
export interface BlocksAt {
  offset: number;
  /** XXH64 of each MiB, in the order of the wire. */
  blocks: Uint8Array;
  /** The ctime of the source's file when it was opened for them. */
  ctimeNs: string;
}

const PROVED = 1;
/** Read so soon after a write that the next one may not change the ctime. */
const YOUNG = 2;

export class FileBlocks {
  readonly #bytes: number;
  readonly #blocks: Uint8Array;
  /** Of each block: 0, PROVED or YOUNG. */
  readonly #states: Uint8Array;
  #ctimeNs: string | undefined;
  #isSealed = true;

  constructor(bytes: number) {
    const blocks = Math.ceil(bytes / BLOCK_BYTES);
    this.#bytes = bytes;
    this.#blocks = new Uint8Array(blocks * BLOCK_DIGEST_BYTES);
    this.#states = new Uint8Array(blocks);
  }

  /** Blocks that were read under another ctime than those before prove nothing together with them: these alone are kept. */
  add({ offset, blocks, ctimeNs }: BlocksAt, young = false): void {
    if (ctimeNs !== this.#ctimeNs) this.#states.fill(0);
    this.#ctimeNs = ctimeNs;
    const first = offset / BLOCK_BYTES;
    const fits = Number.isInteger(first) && first * BLOCK_DIGEST_BYTES + blocks.length <= this.#blocks.length;
    if (!fits) return this.unsealed();
    this.#blocks.set(blocks, first * BLOCK_DIGEST_BYTES);
    this.#states.fill(young ? YOUNG : PROVED, first, first + blocks.length / BLOCK_DIGEST_BYTES);
  }

  /** Some of the file came without hashes, so that there is no telling of which state it is. */
  unsealed(): void {
    this.#isSealed = false;
  }

  /** Whether what has come is of several states of the file, or was young. */
  get isSpoiled(): boolean {
    return this.#isSealed && this.#ctimeNs !== undefined && this.#states.some((state) => state !== PROVED);
  }

  /** Of a file all of which has come: whether some blocks were read from an earlier state. */
  get hasEarlierStates(): boolean {
    return this.#isSealed && this.#ctimeNs !== undefined && this.#states.includes(0);
  }

  /** Whether some blocks were young. */
  get isYoung(): boolean {
    return this.#states.includes(YOUNG);
  }

  /** Of a file all of which has come: the blocks that were read from an earlier state, or were young. */
  notProved(): { offset: number; length: number }[] {
    const ranges: { offset: number; length: number }[] = [];
    if (!this.#isSealed || this.#ctimeNs === undefined) return ranges;
    for (const [block, state] of this.#states.entries()) {
      if (state === PROVED) continue;
      const offset = block * BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES, this.#bytes - offset);
      const last = ranges.at(-1);
      if (last && last.offset + last.length === offset) last.length += length;
      else ranges.push({ offset, length });
    }
    return ranges;
  }

  /** Undefined unless every block is there, of one state of the file. */
  whole(): { blocks: Uint8Array; ctimeNs: string } | undefined {
    if (!this.#isSealed || this.#ctimeNs === undefined || this.isSpoiled) return undefined;
    return { blocks: this.#blocks, ctimeNs: this.#ctimeNs };
  }
}
