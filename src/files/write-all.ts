// Writes all bytes of a buffer to an open file: one write(2) may take fewer of them, as where a disk fills up. Syncs nothing.

import { writeSync } from 'node:fs';

/**
 * From `position` on, or where the file's own position is. Throws the system's error; of a write that a signal interrupted, libuv has
 * already made another.
 */
export function writeAll(fd: number, bytes: Uint8Array, position?: number, write = writeSync): void {
  for (let done = 0; done < bytes.length; ) {
    const at = position === undefined ? null : position + done;
    const written = write(fd, bytes, done, bytes.length - done, at);
    if (written === 0) throw Object.assign(new Error('write took no byte'), { code: 'EIO', syscall: 'write' }); // it would again, for ever
    done += written;
  }
}
