// Decides whether a file was read so soon after it was written that a second write may leave it the same times.

import { statfsSync } from 'node:fs';
import { NO_CTIME } from './entry.js';
import { SETTLE_MS } from './recent-changes.js';

interface FileTimes {
  dev: bigint;
  ctimeNs: bigint;
  mtimeNs: bigint;
}

/** The earliest and the latest time that the clock of a file system may show. Nanoseconds since the epoch. */
interface Clock {
  lowNs: bigint;
  highNs: bigint;
}

const NS_PER_MS = 1_000_000n;
const SECOND_NS = 1_000_000_000n;
const SETTLE_NS = BigInt(SETTLE_MS) * NS_PER_MS;

/** A time farther ahead of the clock was set, or the clock was set back: no write in the near future gets such a time. */
const AHEAD_NS = 60n * SECOND_NS;

/**
 * Whether one of the times lies less than `SETTLE_MS` before the clock. On a file system that keeps times in steps of one second, or of two
 * (vfat), a time may stand for a write up to one step later.
 */
export const isYoung = (times: Pick<FileTimes, 'ctimeNs' | 'mtimeNs'>, clock: Clock): boolean =>
  isRecent(times.ctimeNs, clock) || isRecent(times.mtimeNs, clock);

const isRecent = (timeNs: bigint, { lowNs, highNs }: Clock): boolean =>
  timeNs + grainOf(timeNs) + SETTLE_NS > lowNs && timeNs < highNs + AHEAD_NS;

function grainOf(timeNs: bigint): bigint {
  if (timeNs % SECOND_NS !== 0n) return 0n;
  return timeNs % (2n * SECOND_NS) === 0n ? 2n * SECOND_NS : SECOND_NS;
}

/** How far apart the clocks of two hosts may be, where the source does not report whether a file was young. */
const TWO_HOSTS_NS = 60n * SECOND_NS;

/** The same for a source that does not report it: judged by the listed time and `nowMs` of this host. */
export function mayBeYoung(mtimeNs: bigint, nowMs: number): boolean {
  const nowNs = BigInt(nowMs) * NS_PER_MS;
  return isRecent(mtimeNs, { lowNs: nowNs - TWO_HOSTS_NS, highNs: nowNs });
}

/**
 * File systems that take times from the kernel, and so from the clock of this host (statfs(2)): ext2 to 4, XFS, Btrfs, tmpfs, ramfs,
 * overlayfs, ZFS, F2FS, bcachefs, JFS, ReiserFS, NILFS, vfat, exFAT, NTFS, HFS+, UDF.
 */
const KERNEL_STAMPS: ReadonlySet<number> = new Set([
  ...[0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e],
  ...[0x3153464a, 0x52654973, 0x3434, 0x4d44, 0x2011bab0, 0x7366746e, 0x5346544e, 0x482b, 0x15013346],
]);

/**
 * The clocks of the file systems that a thread reads from. Of one whose times come from elsewhere (NFS, 9p, FUSE, …) only this is sure: its
 * clock has reached every ctime that it has shown, and has gone on from there.
 */
export class FileClocks {
  /** By device; undefined where the kernel sets the times. */
  readonly #newest = new Map<bigint, { ctimeNs: bigint; seenMs: number } | undefined>();
  readonly #hostMs: () => number;
  readonly #elapsedMs: () => number;
  readonly #kernelStamps: (path: string) => boolean;

  constructor(
    hostMs = (): number => Date.now(),
    elapsedMs = (): number => performance.now(),
    kernelStamps = isStampedByKernel,
  ) {
    this.#hostMs = hostMs;
    this.#elapsedMs = elapsedMs;
    this.#kernelStamps = kernelStamps;
  }

  /** The ctime of the file `fd`, or NO_CTIME. */
  ctimeOf(fd: number, times: Pick<FileTimes, 'dev' | 'ctimeNs'>): string {
    this.#meet(fd, times);
    return this.#newest.get(times.dev) ? NO_CTIME : `${times.ctimeNs}`;
  }

  #meet(fd: number, { dev, ctimeNs }: Pick<FileTimes, 'dev' | 'ctimeNs'>): void {
    if (this.#newest.has(dev)) return;
    const stamps = this.#kernelStamps(`/proc/self/fd/${fd}`);
    this.#newest.set(dev, stamps ? undefined : { ctimeNs, seenMs: this.#elapsedMs() });
  }

  /** The clock at the moment of the call; `fd` is the file whose times are given. */
  read(fd: number, { dev, ctimeNs }: Pick<FileTimes, 'dev' | 'ctimeNs'>): Clock {
    const hostNs = BigInt(this.#hostMs()) * NS_PER_MS;
    this.#meet(fd, { dev, ctimeNs });
    const newest = this.#newest.get(dev);
    if (!newest) return { lowNs: hostNs, highNs: hostNs };
    const elapsedMs = this.#elapsedMs();
    let reachedNs = newest.ctimeNs + BigInt(Math.floor(elapsedMs - newest.seenMs)) * NS_PER_MS;
    if (ctimeNs > reachedNs) {
      this.#newest.set(dev, { ctimeNs, seenMs: elapsedMs });
      reachedNs = ctimeNs;
    }
    return reachedNs < hostNs ? { lowNs: reachedNs, highNs: hostNs } : { lowNs: hostNs, highNs: reachedNs };
  }

  /** Whether a file that has these times now was young when its reading began, at `beganMs` of `performance.now()`. */
  isYoung(fd: number, times: FileTimes, beganMs: number): boolean {
    const { lowNs, highNs } = this.read(fd, times);
    const agoNs = BigInt(Math.ceil(this.#elapsedMs() - beganMs)) * NS_PER_MS;
    return isYoung(times, { lowNs: lowNs - agoNs, highNs });
  }
}

/** Whether the file system takes the times of its files from the kernel of this host. `path` leads to anything in it. */
export function isStampedByKernel(path: string): boolean {
  try {
    return KERNEL_STAMPS.has(statfsSync(path).type);
  } catch {
    return false;
  }
}
