// Up to eight messages hashed at once, each in a lane with its own buffer. Reads nothing: whoever fills the buffers does.

import { type FunctionSource, load } from './wasm.js';

/** Lanes of the widest kernel. */
const MOST_LANES = 8;

/** Where the kernels find, lane by lane, the addresses of its state (4 words) and of its next block. They move neither. */
export const TABLE = { states: 0, blocks: 4 * MOST_LANES, end: 8 * MOST_LANES };

/** What a hash has of its own. */
export interface LaneHash {
  /** A power of two, of 64 at most. */
  blockBytes: number;
  initialState: readonly number[];
  /** From the narrowest to the widest; the parameter is how many blocks to take of each lane in the table, 1 at least. */
  kernels: readonly { lanes: number; source: FunctionSource }[];
  /** Writes behind a message what belongs there. `next` is where its first block begins that is not hashed yet. Returns the new end. */
  pad(view: DataView, next: number, end: number, messageBytes: number): number;
  /** The text a Sidecar would answer. What is left from `next` to `end` is less than a block. */
  digest(view: DataView, state: number, next: number, end: number, messageBytes: number): string;
}

/** Enough for a read to be worth its system call; eight of them and what is written over them stay in a core's own cache. */
export const LANE_BYTES = 64 << 10;

/** One message after another: `begin`, then bytes in pieces, `finish`, and a digest when no block is left. */
export interface Lane {
  begin(): void;
  /** Makes room for the next bytes of the message, once no whole block is left. Returns where in `HashLanes.memory` it begins. */
  room(): number;
  /** So many bytes of the room have been filled, LANE_BYTES at most. */
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
  /** Holds the rooms of all lanes. */
  memory: Buffer;
  /** Takes as many blocks of each of these lanes as the least of them has, 1 at least. Returns how many bytes that were in all. */
  advance(lanes: readonly Lane[]): number;
}

const STATE_BYTES = 64;

/** What padding and a rest of a block may add to a full buffer. */
const SPARE_BYTES = 128;

/** No power of two: neighbours would share the same few places of the cache. */
const LANE_STRIDE = STATE_BYTES + LANE_BYTES + SPARE_BYTES;

const PAGES = Math.ceil((TABLE.end + MOST_LANES * LANE_STRIDE) / 65536);

/**
 * Takes `hasVectors()`. The kernels are put together here, once a thread, rather than when the program is built: no binary
 * has to be kept in step with its source, and nothing has to be built before it can be tested.
 */
export function createHashLanes(hash: LaneHash): HashLanes {
  const { memory: buffer, functions } = load(
    PAGES,
    hash.kernels.map(({ source }) => source),
  );
  const memory = Buffer.from(buffer);
  const view = new DataView(buffer);
  const lanes = Array.from(
    { length: MOST_LANES },
    (_, i) => new HashLane(hash, memory, view, TABLE.end + i * LANE_STRIDE),
  );

  return {
    lanes,
    memory,
    advance(some) {
      const busy = some as readonly HashLane[];
      const kernel = hash.kernels.find((one) => busy.length <= one.lanes)!;
      let blocks = Number.POSITIVE_INFINITY;
      for (let place = 0; place < kernel.lanes; place++) {
        const lane = busy[place] ?? busy[0]!; // computed twice, and written with the same result
        blocks = Math.min(blocks, lane.blocks());
        view.setUint32(TABLE.states + 4 * place, lane.state, true);
        view.setUint32(TABLE.blocks + 4 * place, lane.next, true);
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
