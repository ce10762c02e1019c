// MD5 of up to eight messages at once, each in a lane with its own buffer. Reads nothing: whoever fills the buffers does.

import { BLOCK_BYTES, INITIAL_STATE, KERNELS, type KernelName, kernelSource, MOST_LANES, TABLE } from './md5-kernel.js';
import { run } from './wasm.js';

/** Enough for a read to be worth its system call; eight of them and what is written over them stay in a core's own cache. */
export const LANE_BYTES = 128 << 10;

/** One message after another: `begin`, then bytes in pieces, `finish`, and a digest when no block is left. */
export interface Md5Lane {
  begin(): void;
  /** Where the next bytes of the message go in `Md5Lanes.memory`: empty while more than a part of a block is left. */
  room(): { offset: number; length: number };
  /** So many bytes of the room have been filled. */
  filled(bytes: number): void;
  /** The message ends here. */
  finish(): void;
  /** Blocks that `advance` has not taken yet. */
  blocks(): number;
  /** In Base64; valid when the finished message has no block left. */
  digest(): string;
}

export interface Md5Lanes {
  lanes: readonly Md5Lane[];
  /** Holds the rooms of all lanes. */
  memory: Buffer;
  /** Takes as many blocks of each of these lanes as the least of them has, which must be one at least. Returns their number. */
  advance(lanes: readonly Md5Lane[]): number;
}

/** What padding may add to a full buffer: 0x80, zeros and the length in bits. */
const PADDING_BYTES = 2 * BLOCK_BYTES;

/** Rounds to whole blocks, and keeps neighbours off the same set of the cache. */
const LANE_STRIDE = BLOCK_BYTES + LANE_BYTES + PADDING_BYTES;
const FIRST_LANE = 2 * BLOCK_BYTES;

/** A state for the lanes of a kernel that have no message. */
const NOBODY = BLOCK_BYTES;

const KERNEL_NAMES = Object.keys(KERNELS) as KernelName[];
const PAGES = Math.ceil((FIRST_LANE + MOST_LANES * LANE_STRIDE) / 65536);

/**
 * Made when it is first needed rather than when the program is built: then no binary has to be kept in step with its source.
 * Returns nothing where there are no vectors to compute with.
 */
export function createMd5Lanes(): Md5Lanes | undefined {
  const kernels = run(PAGES, KERNEL_NAMES.map(kernelSource));
  if (!kernels) return undefined;
  const memory = Buffer.from(kernels.memory);
  const table = new Uint32Array(kernels.memory);
  const lanes = Array.from({ length: MOST_LANES }, (_, i) => new Lane(memory, FIRST_LANE + i * LANE_STRIDE));

  const list = (place: number, state: number, block: number): void => {
    table[TABLE.states / 4 + place] = state;
    table[TABLE.blocks / 4 + place] = block;
  };
  return {
    lanes,
    memory,
    advance(some) {
      const busy = some as readonly Lane[];
      const blocks = busy.reduce((least, lane) => Math.min(least, lane.blocks()), Number.POSITIVE_INFINITY);
      const name = KERNEL_NAMES.find((kernel) => busy.length <= KERNELS[kernel])!;
      for (const [place, lane] of busy.entries()) list(place, lane.state, lane.next);
      for (let place = busy.length; place < KERNELS[name]; place++) list(place, NOBODY, busy[0]!.next);
      kernels.functions[name](blocks);
      for (const lane of busy) lane.next += blocks * BLOCK_BYTES;
      return blocks;
    },
  };
}

class Lane implements Md5Lane {
  readonly state: number;
  /** The next block to hash. */
  next: number;
  readonly #memory: Buffer;
  readonly #start: number;
  #end: number;
  #messageBytes = 0;

  constructor(memory: Buffer, address: number) {
    this.#memory = memory;
    this.state = address;
    this.#start = this.next = this.#end = address + BLOCK_BYTES;
  }

  begin(): void {
    for (const [i, word] of INITIAL_STATE.entries()) this.#memory.writeUInt32LE(word, this.state + 4 * i);
    this.next = this.#end = this.#start;
    this.#messageBytes = 0;
  }

  room(): { offset: number; length: number } {
    if (this.blocks() > 0) return { offset: this.#end, length: 0 };
    this.#memory.copyWithin(this.#start, this.next, this.#end); // less than a block
    this.#end -= this.next - this.#start;
    this.next = this.#start;
    return { offset: this.#end, length: this.#start + LANE_BYTES - this.#end };
  }

  filled(bytes: number): void {
    this.#end += bytes;
    this.#messageBytes += bytes;
  }

  finish(): void {
    const length = this.#end + 8 + 1 - this.next;
    const last = this.next + Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES - 8;
    this.#memory.fill(0, this.#end, last);
    this.#memory[this.#end] = 0x80;
    this.#memory.writeBigUInt64LE(BigInt(this.#messageBytes) * 8n, last);
    this.#end = last + 8;
  }

  blocks(): number {
    return Math.floor((this.#end - this.next) / BLOCK_BYTES);
  }

  digest(): string {
    return this.#memory.toString('base64', this.state, this.state + 16);
  }
}
