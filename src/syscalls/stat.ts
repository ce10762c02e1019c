// What the kernel states of a file, out of its own structure (statx(2)).

import type { BigIntStats } from 'node:fs';

/** What is used of a stat, whoever made it. `mode` has the file's type, too. */
export type FileStat = Pick<BigIntStats, (typeof STAT_MEMBERS)[number]>;

export const STAT_MEMBERS = [
  ...(['dev', 'ino', 'mode', 'nlink', 'uid', 'gid', 'size', 'blocks'] as const),
  ...(['mtimeNs', 'ctimeNs', 'birthtimeNs'] as const),
] as const;

/** What tells a regular file as it was listed, in numbers that are exact. */
export interface KnownFile {
  size: number;
  ino: number;
  mtime: Seconds;
  /** Both of its times are earlier than this second. */
  settledS: number;
  /** As `StatBuffer.device` returns it. */
  device: number;
}

/** Since the epoch, and the nanoseconds beyond. */
export interface Seconds {
  s: number;
  ns: number;
}

export interface StatBuffer {
  /** What the kernel fills. */
  bytes: Uint8Array;
  /** Whether it has filled in what is known of a file. Makes no object, unlike `stat`. */
  isOf(file: KnownFile): boolean;
  device(): number;
  /** A copy of what it has filled in. */
  stat(): FileStat;
}

/** Of `struct statx` in linux/stat.h, whose layout is the same on every architecture, but for the order of bytes. */
export function createStatBuffer(): StatBuffer {
  const buffer = new ArrayBuffer(256);
  const words = new Uint32Array(buffer);
  const quads = new BigUint64Array(buffer);
  const modes = new Uint16Array(buffer);
  const seconds = new BigInt64Array(buffer);
  const timeAt = (at: number): bigint => seconds[at >> 3]! * 1_000_000_000n + BigInt(words[(at >> 2) + 2]!);
  return {
    bytes: new Uint8Array(buffer),
    isOf: ({ size, ino, mtime, settledS, device }) =>
      (modes[0x1c >> 1]! & S_IFMT) === S_IFREG &&
      Number(quads[0x28 >> 3]!) === size &&
      Number(seconds[0x70 >> 3]!) === mtime.s &&
      words[0x78 >> 2]! === mtime.ns &&
      Number(quads[0x20 >> 3]!) === ino &&
      mtime.s < settledS &&
      Number(seconds[0x60 >> 3]!) < settledS &&
      deviceIn(words) === device,
    device: () => deviceIn(words),
    stat: () => ({
      nlink: BigInt(words[0x10 >> 2]!),
      uid: BigInt(words[0x14 >> 2]!),
      gid: BigInt(words[0x18 >> 2]!),
      mode: BigInt(modes[0x1c >> 1]!),
      ino: quads[0x20 >> 3]!,
      size: quads[0x28 >> 3]!,
      blocks: quads[0x30 >> 3]!,
      birthtimeNs: timeAt(0x50),
      ctimeNs: timeAt(0x60),
      mtimeNs: timeAt(0x70),
      dev: deviceOf(words[0x88 >> 2]!, words[0x8c >> 2]!),
    }),
  };
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

const deviceIn = (words: Uint32Array): number => words[0x88 >> 2]! * 2 ** 32 + words[0x8c >> 2]!;

/** As glibc's makedev(3) puts it together. */
function deviceOf(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}
