// Hashes several messages with XXH32 (seed 0) side by side: the source of the kernels, and the steps before and after them.

import { type LaneHash, TABLE } from './hash-lanes.js';
import {
  type Code,
  type FunctionSource,
  I32,
  i32,
  i32x4,
  type Local,
  repeat,
  type ValueType,
  type Words,
} from './wasm.js';

const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

const BLOCK_BYTES = 16;

/**
 * A block is one vector: a word for each of four accumulators. A multiplication takes long, but the next one can start at once. So vectors
 * of several messages take turns, and a single message is faster with its four words one by one.
 */
export const XXH32: LaneHash = {
  blockBytes: BLOCK_BYTES,
  initialState: [P1 + P2, P2, 0, -P1],
  kernels: [
    { lanes: 1, source: kernel('xxh32x1', i32, 1) },
    { lanes: 4, source: kernel('xxh32x4', i32x4, 4) },
    { lanes: 8, source: kernel('xxh32x8', i32x4, 8) },
  ],
  pad: (_view, _next, end) => end,
  digest(view, state, next, end, messageBytes) {
    let hash = messageBytes < BLOCK_BYTES ? P5 : merged(view, state);
    hash = (hash + messageBytes) | 0;
    for (; next + 4 <= end; next += 4) {
      hash = (hash + Math.imul(view.getUint32(next, true), P3)) | 0;
      hash = Math.imul(rotl(hash, 17), P4);
    }
    for (; next < end; next++) {
      hash = (hash + Math.imul(view.getUint8(next), P5)) | 0;
      hash = Math.imul(rotl(hash, 11), P1);
    }
    hash = Math.imul(hash ^ (hash >>> 15), P2);
    hash = Math.imul(hash ^ (hash >>> 13), P3);
    return ((hash ^ (hash >>> 16)) >>> 0).toString(16);
  },
};

const rotl = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

const merged = (view: DataView, state: number): number =>
  [1, 7, 12, 18].reduce((sum, bits, i) => sum + rotl(view.getUint32(state + 4 * i, true), bits), 0);

function kernel(name: string, words: Words, lanes: number): FunctionSource {
  return {
    name,
    params: 1,
    body([blocks], local) {
      const messages = Array.from({ length: lanes }, (_, lane) => message(words, lane, local));
      return [
        messages.map((one) => one.begin),
        repeat(
          [
            messages.map((one) => one.mix),
            messages.map((one) => one.spread),
            blocks!.set(i32.sub(blocks!.get, i32.const(1))),
          ],
          blocks!.get,
        ),
        messages.map((one) => one.end),
      ];
    },
  };
}

/** The steps of one message. Steps of all messages alternate, so that none waits for its own last step. */
function message(
  words: Words,
  lane: number,
  local: (type: ValueType) => Local,
): { begin: Code; mix: Code; spread: Code; end: Code } {
  const step = words.type === I32 ? 4 : BLOCK_BYTES;
  const state = local(I32);
  const block = local(I32);
  const accumulators = Array.from({ length: BLOCK_BYTES / step }, () => local(words.type));
  return {
    begin: [
      state.set(i32.load(i32.const(0), TABLE.states + 4 * lane)),
      block.set(i32.load(i32.const(0), TABLE.blocks + 4 * lane)),
      accumulators.map((sum, i) => sum.set(words.load(state.get, step * i))),
    ],
    mix: [
      accumulators.map((sum, i) =>
        sum.set(words.add(sum.get, words.mul(words.load(block.get, step * i), words.const(P2)))),
      ),
      block.set(i32.add(block.get, i32.const(BLOCK_BYTES))),
    ],
    spread: accumulators.map((sum) => sum.set(words.mul(words.rotl(sum, 13), words.const(P1)))),
    end: accumulators.map((sum, i) => words.store(state.get, sum.get, step * i)),
  };
}
