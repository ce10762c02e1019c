// Checks, before the first byte is written, that all of it fits. The caller states how much that is.

import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatCount } from '../amounts.js';
import { errnoOf, LmError, localError, printable } from '../errors.js';

/** What will be written under `path`, which need not exist yet. `name` names it in messages: `data/0`, `state directory`. */
export interface SpaceNeed {
  name: string;
  path: string;
  bytes: bigint;
  inodes: bigint;
}

/**
 * Needs on one file system are summed. Free is what an unprivileged user may use, as `df` shows it: a copy must not use up the reserve of
 * root. Throws `local` with the figures of each file system that is too small.
 */
export async function checkSpace(needs: readonly SpaceNeed[]): Promise<void> {
  const short = (await fileSystems(needs)).map(shortage).filter((lines) => lines.length > 0);
  if (short.length === 0) return;
  throw new LmError('no-space', short[0]![0]!, {
    details: short.flat().slice(1),
    hint: 'free some space, or exclude what need not be copied',
  });
}

/** What users may still use of a file system. */
interface Free {
  device: bigint;
  freeBytes: bigint;
  /** Undefined where inodes are made as they are needed (btrfs, some overlays), which report none at all. */
  freeInodes: bigint | undefined;
}

interface FileSystem extends Free {
  needs: SpaceNeed[];
}

async function fileSystems(needs: readonly SpaceNeed[]): Promise<FileSystem[]> {
  const byDevice = new Map<bigint, FileSystem>();
  for (const need of needs) {
    const { path, device } = await nearest(need.path);
    const known = byDevice.get(device);
    if (known) known.needs.push(need);
    else byDevice.set(device, { needs: [need], ...(await freeOn(path, device)) });
  }
  return [...byDevice.values()];
}

/** Of the file system of a path, which need not exist yet. Throws `local`. */
export async function freeAt(wanted: string): Promise<Free> {
  const { path, device } = await nearest(wanted);
  return freeOn(path, device);
}

async function freeOn(path: string, device: bigint): Promise<Free> {
  const free = await statfs(path, { bigint: true }).catch((error: unknown) => {
    throw localError('examine the file system of', path, error);
  });
  return { device, freeBytes: free.bavail * free.bsize, freeInodes: free.files === 0n ? undefined : free.ffree };
}

/** The path itself, or the closest directory above it that exists. */
async function nearest(path: string): Promise<{ path: string; device: bigint }> {
  try {
    return { path, device: (await stat(path, { bigint: true })).dev };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && path !== dirname(path)) return nearest(dirname(path));
    throw localError('examine', path, error);
  }
}

/** The lines to print: what is short, then each need; none when everything fits. */
function shortage({ needs, freeBytes, freeInodes }: FileSystem): string[] {
  const bytes = needs.reduce((sum, need) => sum + need.bytes, 0n);
  const inodes = needs.reduce((sum, need) => sum + need.inodes, 0n);
  const names = needs.map((need) => need.name).join(', ');
  const lines: string[] = [];
  if (bytes > freeBytes)
    lines.push(`not enough space for ${names}: ${figures(bytes)} needed, ${figures(freeBytes)} free`);
  if (freeInodes !== undefined && inodes > freeInodes)
    lines.push(`not enough inodes for ${names}: ${inodes} needed, ${freeInodes} free`);
  if (lines.length === 0) return [];
  for (const need of needs)
    lines.push(
      `${need.name} (${printable(need.path)}) needs ${figures(need.bytes)} and ${formatCount(Number(need.inodes), 'inode')}`,
    );
  return lines;
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.5 KiB (1536 bytes)`. */
function figures(bytes: bigint): string {
  let value = Number(bytes);
  let unit = '';
  for (const next of UNITS) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return unit === '' ? formatCount(Number(bytes), 'byte') : `${value.toFixed(1)} ${unit} (${bytes} bytes)`;
}
