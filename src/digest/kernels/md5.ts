// Hashes several messages with MD5 side by side: the source of the kernels, and the steps before and after them.

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

const BLOCK_BYTES = 64;

/**
 * Each step of MD5 waits for the step before. Four words side by side take no longer than one, and four more use the time that the first
 * four spend waiting; another four would gain next to nothing.
 */
export const MD5: LaneHash = {
  blockBytes: BLOCK_BYTES,
  initialState: [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476],
  kernels: [
    { lanes: 1, source: kernel('md5x1', [i32]) },
    { lanes: 4, source: kernel('md5x4', [i32x4]) },
    { lanes: 8, source: kernel('md5x8', [i32x4, i32x4]) },
  ],
  /** 0x80, zeros, and the length in bits where a block ends. */
  pad(view, next, end, messageBytes) {
    const padded = (Math.floor((end - next + 8) / BLOCK_BYTES) + 1) * BLOCK_BYTES;
    const length = next + padded - 8;
    new Uint8Array(view.buffer, end, length - end).fill(0)[0] = 0x80;
    view.setUint32(length, messageBytes * 8, true);
    view.setUint32(length + 4, messageBytes / 2 ** 29, true);
    return length + 8;
  },
  digest: (view, state) => Buffer.from(view.buffer as ArrayBuffer, state, 16).toString('base64'),
};

const LANES_OF_CHAIN = 4;

function kernel(name: string, widths: readonly Words[]): FunctionSource {
  return {
    name,
    params: 1,
    body([blocks], local) {
      const chains = widths.map((words, i) => chain(words, i * LANES_OF_CHAIN, local));
      return [
        chains.map((one) => one.begin),
        repeat(
          [
            chains.map((one) => one.takeBlock),
            STEPS.map((step) => chains.map((one) => one.step(step))),
            chains.map((one) => one.endBlock),
            blocks!.set(i32.sub(blocks!.get, i32.const(1))),
          ],
          blocks!.get,
        ),
        chains.map((one) => one.end),
      ];
    },
  };
}

/** The computation of one lane, or of four lanes that share vectors. */
interface Chain {
  begin: Code;
  takeBlock: Code;
  step(step: Step): Code;
  endBlock: Code;
  end: Code;
}

function chain(words: Words, firstLane: number, local: (type: ValueType) => Local): Chain {
  const locals = (count: number, type: ValueType): Local[] => Array.from({ length: count }, () => local(type));
  const lanes = words.type === I32 ? 1 : LANES_OF_CHAIN;
  const states = locals(lanes, I32);
  const blocks = locals(lanes, I32);
  const state = locals(4, words.type);
  const before = locals(4, words.type);
  const message = locals(16, words.type);
  const sum = local(words.type);
  const load = words.type === I32 ? loadWords : loadTransposed(locals(8, words.type));
  const address = (list: number, lane: number): Code => i32.load(i32.const(0), list + 4 * (firstLane + lane));
  return {
    begin: [
      states.map((at, lane) => at.set(address(TABLE.states, lane))),
      blocks.map((at, lane) => at.set(address(TABLE.blocks, lane))),
      load(states, 0, state),
    ],
    takeBlock: [
      [0, 4, 8, 12].map((word) => load(blocks, 4 * word, message.slice(word, word + 4))),
      blocks.map((at) => at.set(i32.add(at.get, i32.const(BLOCK_BYTES)))),
      before.map((word, i) => word.set(state[i]!.get)),
    ],
    step({ index, round, word, rotation, constant }) {
      const [a, b, c, d] = [0, 1, 2, 3].map((i) => state[(i - index) & 3]!) as [Local, Local, Local, Local];
      const early = words.add(words.add(a.get, words.const(constant)), message[word]!.get); // does not wait for b
      return [
        sum.set(MIX[round]!(words, early, b.get, c.get, d.get)),
        a.set(words.add(b.get, words.rotl(sum, rotation))),
      ];
    },
    endBlock: state.map((word, i) => word.set(words.add(word.get, before[i]!.get))),
    end:
      words.type === I32
        ? state.map((word, i) => i32.store(states[0]!.get, word.get, 4 * i))
        : [
            transpose(state, locals(4, words.type), state),
            states.map((at, lane) => i32x4.store(at.get, state[lane]!.get, 0)),
          ],
  };
}

/** Loads four words from one address. */
const loadWords = (addresses: readonly Local[], offset: number, into: readonly Local[]): Code =>
  into.map((word, i) => word.set(i32.load(addresses[0]!.get, offset + 4 * i)));

/** Loads four words from each of four addresses: the first words into the first vector, and so on. */
const loadTransposed =
  (scratch: readonly Local[]) =>
  (addresses: readonly Local[], offset: number, into: readonly Local[]): Code => {
    const rows = scratch.slice(0, 4);
    return [
      rows.map((row, lane) => row.set(i32x4.load(addresses[lane]!.get, offset))),
      transpose(rows, scratch.slice(4), into),
    ];
  };

function transpose(rows: readonly Local[], halves: readonly Local[], into: readonly Local[]): Code {
  const pick = (a: Local, b: Local, words: number[]): Code => i32x4.pick(a.get, b.get, words);
  const [r0, r1, r2, r3] = rows as [Local, Local, Local, Local];
  const [low01, high01, low23, high23] = halves as [Local, Local, Local, Local];
  return [
    low01.set(pick(r0, r1, [0, 4, 1, 5])),
    high01.set(pick(r0, r1, [2, 6, 3, 7])),
    low23.set(pick(r2, r3, [0, 4, 1, 5])),
    high23.set(pick(r2, r3, [2, 6, 3, 7])),
    into[0]!.set(pick(low01, low23, [0, 1, 4, 5])),
    into[1]!.set(pick(low01, low23, [2, 3, 6, 7])),
    into[2]!.set(pick(high01, high23, [0, 1, 4, 5])),
    into[3]!.set(pick(high01, high23, [2, 3, 6, 7])),
  ];
}

/**
 * The functions F, G, H and I of RFC 1321, added to `early`, which does not depend on b. b is known last, so each is written with as few
 * operations after b as possible: F as d ^ (b & (c ^ d)), and the halves of G are added one after the other.
 */
const MIX: ((words: Words, early: Code, b: Code, c: Code, d: Code) => Code)[] = [
  (w, early, b, c, d) => w.add(early, w.xor(d, w.and(b, w.xor(c, d)))),
  (w, early, b, c, d) => w.add(w.add(early, w.andNot(c, d)), w.and(b, d)),
  (w, early, b, c, d) => w.add(early, w.xor(b, w.xor(c, d))),
  (w, early, b, c, d) => w.add(early, w.xor(c, w.or(b, w.not(d)))),
];

interface Step {
  index: number;
  round: number;
  /** Which of the block's 16 words it takes. */
  word: number;
  rotation: number;
  constant: number;
}

const ROTATIONS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];
const FIRST_WORD = [0, 1, 5, 0];
const WORD_STRIDE = [1, 5, 3, 7];

const STEPS: Step[] = Array.from({ length: 64 }, (_, index) => {
  const round = index >> 4;
  return {
    index,
    round,
    word: (FIRST_WORD[round]! + WORD_STRIDE[round]! * index) % 16,
    rotation: ROTATIONS[round]![index % 4]!,
    constant: Math.floor(Math.abs(Math.sin(index + 1)) * 2 ** 32) | 0,
  };
});
