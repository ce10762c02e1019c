// MD5 of up to eight messages at once, each in a lane with its own buffer. Reads nothing: whoever fills the buffers does.

import { BLOCK_BYTES, INITIAL_STATE, KERNELS, type KernelName, kernelSource, MOST_LANES, TABLE } from './md5-kernel.js';
import { load } from './wasm.js';

/** Enough for a read to be worth its system call; eight of them and what is written over them stay in a core's own cache. */
export const LANE_BYTES = 64 << 10;

/** One message after another: `begin`, then bytes in pieces, `finish`, and a digest when no block is left. */
export interface Md5Lane {
  begin(): void;
  /** Makes room for the next bytes of the message, once no whole block is left. Returns where in `Md5Lanes.memory` it begins. */
  room(): number;
  /** So many bytes of the room have been filled, LANE_BYTES at most. */
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
const FIRST_LANE = TABLE.end;

const KERNEL_NAMES = Object.keys(KERNELS) as KernelName[];
const PAGES = Math.ceil((FIRST_LANE + MOST_LANES * LANE_STRIDE) / 65536);

/**
 * Takes `hasVectors()`. The kernels are put together here, once a thread, rather than when the program is built: no binary
 * has to be kept in step with its source, and nothing has to be built before it can be tested.
 */
export function createMd5Lanes(): Md5Lanes {
  const kernels = load(PAGES, KERNEL_NAMES.map(kernelSource));
  const memory = Buffer.from(kernels.memory);
  const view = new DataView(kernels.memory);
  const lanes = Array.from({ length: MOST_LANES }, (_, i) => new Lane(memory, view, FIRST_LANE + i * LANE_STRIDE));

  return {
    lanes,
    memory,
    advance(some) {
      const busy = some as readonly Lane[];
      const name = KERNEL_NAMES.find((kernel) => busy.length <= KERNELS[kernel])!;
      let blocks = Number.POSITIVE_INFINITY;
      for (let place = 0; place < KERNELS[name]; place++) {
        const lane = busy[place] ?? busy[0]!; // computed twice, and written with the same result
        blocks = Math.min(blocks, lane.blocks());
        view.setUint32(TABLE.states + 4 * place, lane.state, true);
        view.setUint32(TABLE.blocks + 4 * place, lane.next, true);
      }
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
  readonly #view: DataView;
  readonly #start: number;
  #end: number;
  #messageBytes = 0;

  constructor(memory: Buffer, view: DataView, address: number) {
    this.#memory = memory;
    this.#view = view;
    this.state = address;
    this.#start = this.next = this.#end = address + BLOCK_BYTES;
  }

  begin(): void {
    for (let i = 0; i < 4; i++) this.#view.setUint32(this.state + 4 * i, INITIAL_STATE[i]!, true);
    this.next = this.#end = this.#start;
    this.#messageBytes = 0;
  }

  room(): number {
    if (this.next < this.#end) this.#memory.copyWithin(this.#start, this.next, this.#end);
    this.#end -= this.next - this.#start;
    this.next = this.#start;
    return this.#end;
  }

  filled(bytes: number): void {
    this.#end += bytes;
    this.#messageBytes += bytes;
  }

  /** 0x80, zeros, and the length in bits where a block ends. */
  finish(): void {
    const unpadded = this.#end - this.next;
    const padded = (Math.floor((unpadded + 8) / BLOCK_BYTES) + 1) * BLOCK_BYTES;
    const length = this.next + padded - 8;
    this.#memory.fill(0, this.#end, length);
    this.#memory[this.#end] = 0x80;
    this.#view.setUint32(length, this.#messageBytes * 8, true);
    this.#view.setUint32(length + 4, this.#messageBytes / 2 ** 29, true);
    this.#end = length + 8;
  }

  blocks(): number {
    return (this.#end - this.next) >>> 6;
  }

  digest(): string {
    return this.#memory.toString('base64', this.state, this.state + 16);
  }
}
