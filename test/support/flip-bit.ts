// Damages a file as a bad disk does: flips one bit, and keeps size and times.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Inverts the lowest bit of the byte at `offset`. Size and mtime stay, to the nanosecond: touch(1) can, Node cannot. */
export function flipBit(path: string, offset: number): void {
  const dir = mkdtempSync(join(tmpdir(), 'lm-stamp-'));
  const stamp = join(dir, 'stamp');
  try {
    writeFileSync(stamp, '');
    execFileSync('touch', ['-r', path, '--', stamp]);
    const fd = openSync(path, 'r+');
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, offset);
    byte[0]! ^= 1;
    writeSync(fd, byte, 0, 1, offset);
    closeSync(fd);
    execFileSync('touch', ['-r', stamp, '--', path]);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
