// Whether a file was read so soon after it was written that a second write may leave it the same times. Compares no contents.

import { statfsSync } from 'node:fs';
import { YOUNG_MS } from './touched.js';

export interface FileTimes {
  dev: bigint;
  ctimeNs: bigint;
  mtimeNs: bigint;
}

/** What the clock of a file system can say at most, and at least. Nanoseconds since the epoch. */
export interface Clock {
  lowNs: bigint;
  highNs: bigint;
}

const NS_PER_MS = 1_000_000n;
const SECOND_NS = 1_000_000_000n;
const YOUNG_NS = BigInt(YOUNG_MS) * NS_PER_MS;

/** A time farther ahead was set, or the clock was set back: no write of the next hours will be stamped with it. */
const AHEAD_NS = 60n * SECOND_NS;

/**
 * Whether one of the times lies less than `YOUNG_MS` before the clock. Where a file system keeps whole seconds, or every other one
 * (vfat), a time may stand for a write up to that much later.
 */
export const isYoung = (times: Pick<FileTimes, 'ctimeNs' | 'mtimeNs'>, clock: Clock): boolean =>
  isRecent(times.ctimeNs, clock) || isRecent(times.mtimeNs, clock);

const isRecent = (timeNs: bigint, { lowNs, highNs }: Clock): boolean =>
  timeNs + grainOf(timeNs) + YOUNG_NS > lowNs && timeNs < highNs + AHEAD_NS;

function grainOf(timeNs: bigint): bigint {
  if (timeNs % SECOND_NS !== 0n) return 0n;
  return timeNs % (2n * SECOND_NS) === 0n ? 2n * SECOND_NS : SECOND_NS;
}

/** How far the clocks of two hosts may be apart, where the one that reads does not say whether a file was young. */
const TWO_HOSTS_NS = 60n * SECOND_NS;

/** The same for a source that does not tell: judged by the listed time, at `nowMs` of this host. */
export function mayBeYoung(mtimeNs: bigint, nowMs: number): boolean {
  const nowNs = BigInt(nowMs) * NS_PER_MS;
  return isRecent(mtimeNs, { lowNs: nowNs - TWO_HOSTS_NS, highNs: nowNs });
}

/**
 * File systems whose times are the kernel's own, and so the clock of this host (statfs(2)): ext2 to 4, XFS, Btrfs, tmpfs, ramfs,
 * overlayfs, ZFS, F2FS, bcachefs, JFS, ReiserFS, NILFS, vfat, exFAT, NTFS, HFS+, UDF.
 */
const KERNEL_STAMPS: ReadonlySet<number> = new Set([
  ...[0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e],
  ...[0x3153464a, 0x52654973, 0x3434, 0x4d44, 0x2011bab0, 0x7366746e, 0x5346544e, 0x482b, 0x15013346],
]);

/**
 * The clocks of the file systems a thread reads from. Of one whose times come from elsewhere (NFS, 9p, FUSE, …) all that is known
 * for sure is that its clock has reached every ctime it has given, and goes on from there: so it may be as late as that.
 */
export class FileClocks {
  /** By device; undefined where the kernel gives the times. */
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

  /** At the moment of the call; `fd` is of the file the times are of. */
  read(fd: number, { dev, ctimeNs }: Pick<FileTimes, 'dev' | 'ctimeNs'>): Clock {
    const hostNs = BigInt(this.#hostMs()) * NS_PER_MS;
    if (!this.#newest.has(dev))
      this.#newest.set(
        dev,
        this.#kernelStamps(`/proc/self/fd/${fd}`) ? undefined : { ctimeNs, seenMs: this.#elapsedMs() },
      );
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

  /** Whether a file with these times now was young when its reading began, at `beganMs` of `performance.now()`. */
  isYoung(fd: number, times: FileTimes, beganMs: number): boolean {
    const { lowNs, highNs } = this.read(fd, times);
    const agoNs = BigInt(Math.ceil(this.#elapsedMs() - beganMs)) * NS_PER_MS;
    return isYoung(times, { lowNs: lowNs - agoNs, highNs });
  }
}

function isStampedByKernel(path: string): boolean {
  try {
    return KERNEL_STAMPS.has(statfsSync(path).type);
  } catch {
    return false;
  }
}
