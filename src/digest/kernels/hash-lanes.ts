// Hashes up to eight messages at once, each in a lane with its own buffer. The caller fills the buffers.

import { type FunctionSource, load } from './wasm.js';

/** Lanes of the widest kernel. */
const MAX_LANES = 8;

/** Addresses of the tables in which kernels find, for each lane, the address of its state (4 words) and of its next block. Kernels change neither. */
export const TABLE = { states: 0, blocks: 4 * MAX_LANES, end: 8 * MAX_LANES };

/** What differs between hashes. */
export interface LaneHash {
  /** A power of two, of 64 at most. */
  blockBytes: number;
  initialState: readonly number[];
  /** From the narrowest to the widest. Their parameter is the number of blocks to hash of each lane in the table, at least 1. */
  kernels: readonly { lanes: number; source: FunctionSource }[];
  /** Writes the padding behind a message. `next` is where its first unhashed block begins. Returns the new end. */
  pad(view: DataView, next: number, end: number, messageBytes: number): number;
  /** The text that a Sidecar would answer. From `next` to `end` there is less than a block. */
  digest(view: DataView, state: number, next: number, end: number, messageBytes: number): string;
}

/** Enough for a read to be worth its system call; eight such buffers stay in a core's own cache. */
export const LANE_BYTES = 64 << 10;

/** Hashes one message after another: `begin`, bytes in pieces, `finish`, and `digest` when no block is left. */
export interface Lane {
  begin(): void;
  /** Makes room for the next bytes of the message, once no whole block is left. Returns its address in `HashLanes.memory`. */
  room(): number;
  /** `bytes` bytes of the room have been filled, LANE_BYTES at most. */
  filled(bytes: number): void;
  /** The message ends here. */
  finish(): void;
  /** Blocks that `advance` has not taken yet. */
  blocks(): number;
  /** Valid when the finished message has no block left. */
  digest(): string;
}

export interface HashLanes {
  lanes: readonly Lane[];
  /** The memory that holds the buffers of all lanes. */
  memory: Buffer;
  /** Hashes of each of these lanes as many blocks as every one of them has, at least 1. Returns the bytes hashed in all. */
  advance(lanes: readonly Lane[]): number;
}

const STATE_BYTES = 64;

/** What padding and an incomplete block may add to a full buffer. */
const SPARE_BYTES = 128;

/** Not a power of two: neighbours would share the same few cache sets. */
const LANE_STRIDE = STATE_BYTES + LANE_BYTES + SPARE_BYTES;

const PAGES = Math.ceil((TABLE.end + MAX_LANES * LANE_STRIDE) / 65536);

/**
 * Requires `hasVectors()`. The kernels are assembled here, once in each thread, rather than when the program is built: so no binary has to be
 * kept in step with its source, and tests need no build.
 */
export function createHashLanes(hash: LaneHash): HashLanes {
  const { memory: buffer, functions } = load(
    PAGES,
    hash.kernels.map(({ source }) => source),
  );
  const memory = Buffer.from(buffer);
  const view = new DataView(buffer);
  const lanes = Array.from(
    { length: MAX_LANES },
    (_, i) => new HashLane(hash, memory, view, TABLE.end + i * LANE_STRIDE),
  );

  return {
    lanes,
    memory,
    advance(some) {
      const busy = some as readonly HashLane[];
      const kernel = hash.kernels.find((one) => busy.length <= one.lanes)!;
      let blocks = Number.POSITIVE_INFINITY;
      for (let slot = 0; slot < kernel.lanes; slot++) {
        const lane = busy[slot] ?? busy[0]!; // a lane may be computed twice, with the same result
        blocks = Math.min(blocks, lane.blocks());
        view.setUint32(TABLE.states + 4 * slot, lane.state, true);
        view.setUint32(TABLE.blocks + 4 * slot, lane.next, true);
      }
      functions[kernel.source.name]!(blocks);
      for (const lane of busy) lane.next += blocks * hash.blockBytes;
      return blocks * hash.blockBytes * busy.length;
    },
  };
}

class HashLane implements Lane {
  readonly state: number;
  /** The next block to hash. */
  next: number;
  readonly #hash: LaneHash;
  readonly #memory: Buffer;
  readonly #view: DataView;
  readonly #start: number;
  #end: number;
  #messageBytes = 0;

  constructor(hash: LaneHash, memory: Buffer, view: DataView, address: number) {
    this.#hash = hash;
    this.#memory = memory;
    this.#view = view;
    this.state = address;
    this.#start = this.next = this.#end = address + STATE_BYTES;
  }

  begin(): void {
    for (let i = 0; i < 4; i++) this.#view.setUint32(this.state + 4 * i, this.#hash.initialState[i]!, true);
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

  finish(): void {
    this.#end = this.#hash.pad(this.#view, this.next, this.#end, this.#messageBytes);
  }

  blocks(): number {
    return Math.floor((this.#end - this.next) / this.#hash.blockBytes);
  }

  digest(): string {
    return this.#hash.digest(this.#view, this.state, this.next, this.#end, this.#messageBytes);
  }
}
