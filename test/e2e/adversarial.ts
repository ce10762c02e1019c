// The tree every byte of which must arrive: sizes around every boundary of the engine, and names nobody would choose.

import { dir, file, link, type Tree } from '../support/tree.js';

const MIB = 1024 * 1024;

/** Others could not serve what they may not read. */
const isRoot = process.getuid?.() === 0;

/** Around the block of a digest, the bundle, and the range; one more than that is the sparse file's size. */
const BOUNDARIES = [MIB, 8 * MIB, 64 * MIB].flatMap((size) => [size - 1, size, size + 1]).slice(0, -1);

/** 255 bytes of UTF-8, most of it three bytes a character. */
const LONGEST = `${'語'.repeat(84)}abc`;
const LONGEST_ASCII = 'n'.repeat(255);

/** Times that betray rounding: a microsecond before a second, nanoseconds behind it, and before 1970. */
const TIMES = [1_731_000_001_999_999_000n, 1_731_000_001_456_789_999n, -1_500_000_000n, 0n, 4_102_444_800_000_000_000n];

export function adversarialTree(): Tree {
  return {
    sizes: dir({
      empty: '',
      one: 'x',
      ...Object.fromEntries(BOUNDARIES.map((size, seed) => [`random-${size}`, file({ size, seed })])),
      sparse: file({ size: 64 * MIB + 1, sparse: true }),
    }),
    names: dir(Object.fromEntries(NAMES.map((name) => [name, name]))),
    'dirs with odd names': dir(Object.fromEntries(NAMES.map((name) => [name, dir({ [name]: name })]))),
    times: dir(Object.fromEntries(TIMES.map((mtimeNs, i) => [`t${i}`, file({ content: 't', mtimeNs })]))),
    deep: deep(40),
    links: dir({
      relative: link('../sizes/one'),
      absolute: link('/etc/hostname'),
      dangling: link('nowhere\n'),
      directory: link('../names'),
      itself: link('itself'),
      longest: link('l'.repeat(4095)),
      old: link('../sizes/one', { mtimeNs: 1_000_000_000_123_456_000n }),
    }),
    modes: dir({
      'read-only': file({ content: 'r', mode: 0o400 }),
      ...(isRoot
        ? { 'write-only': file({ content: 'w', mode: 0o200 }), nothing: file({ content: 'n', mode: 0 }) }
        : {}),
      executable: file({ content: 'x', mode: 0o755 }),
      everybody: file({ content: 'e', mode: 0o666 }),
      'closed directory': dir({ inside: 'i', deeper: dir({ inside: 'i' }, { mode: 0o500 }) }, { mode: 0o500 }),
      sticky: dir({}, { mode: 0o1777 }),
    }),
    'empty directories': dir({ a: dir({ b: dir({}) }), c: dir({}) }),
    ks: dir({ t: dir({ 'nb-1-big-Data.db': 'data', snapshots: dir({ s1: dir({ 'nb-1-big-Data.db': 'old' }) }) }) }),
    many: dir(Object.fromEntries(Array.from({ length: 2_500 }, (_, i) => [`f${i}`, `content ${i}`]))),
  };
}

const NAMES = [
  ' ',
  ' leading and trailing ',
  'nb-1-big-SAI+aa+GroupComplete.db',
  '100%',
  '%2e%2e',
  '%00',
  'new\nline',
  '\n',
  'carriage\rreturn',
  'tab\t',
  '\u001b[2J',
  '"quotes" and \'quotes\'',
  'back\\slash',
  '?query=1',
  '#fragment',
  ';semi:colon,comma',
  '*',
  '[a]{b}',
  '-rf',
  '~',
  '...',
  '.hidden',
  'é', // one code point
  'e\u0301', // the same to the eye, two code points
  '\u202egnp.exe',
  '\uffff', // above U+10000 in UTF-16, below it in UTF-8
  '😀',
  'constructor',
  '__proto__ ',
  LONGEST,
  LONGEST_ASCII,
];

function deep(levels: number): ReturnType<typeof dir> {
  return dir(levels === 0 ? { bottom: 'b' } : { [`level ${levels}`]: deep(levels - 1) });
}
