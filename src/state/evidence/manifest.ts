// Keeps the digests of a whole verification as a list that md5sum and xxhsum can check. The list appears whole or not at all.

import { closeSync, openSync, readSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { localError } from '../../errors.js';
import { writeAll } from '../../files/write-all.js';
import { PendingFile, syncPath } from '../atomic-file.js';
import { MANIFEST_FILE } from './names.js';

export interface ManifestWriter {
  /** Lines of `manifestLine`, of so many files. Batches may come in any order, and one of them in several pieces. */
  add(batch: number, lines: string, files: number): void;
  /** Puts the batches in order. Throws `local`. */
  finish(): { files: number };
  /** Removes what is not finished. Never throws. */
  close(): void;
}

interface Stretch {
  batch: number;
  offset: number;
  bytes: number;
}

/** `spool` is a directory for the batches as they come. Throws `local`, from every method but `close`. */
export function createManifest(dir: string, spool: string): ManifestWriter {
  const path = join(dir, MANIFEST_FILE);
  const unordered = join(spool, 'manifest');
  const attempt = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw localError('write', path, error);
    }
  };
  let fd: number | undefined = attempt(() => openSync(unordered, 'w+', 0o600));
  const stretches: Stretch[] = [];
  let offset = 0;
  let files = 0;
  return {
    add: (batch, lines, added) =>
      attempt(() => {
        const text = Buffer.from(lines);
        writeAll(fd!, text, offset);
        stretches.push({ batch, offset, bytes: text.length });
        offset += text.length;
        files += added;
      }),
    finish: () =>
      attempt(() => {
        const file = new PendingFile(path);
        try {
          for (const stretch of stretches.sort((a, b) => a.batch - b.batch)) file.write(readStretch(fd!, stretch));
          file.replace();
          syncPath(dir);
        } finally {
          file.discard();
        }
        return { files };
      }),
    close() {
      if (fd === undefined) return;
      try {
        closeSync(fd);
        fd = undefined;
        unlinkSync(unordered);
      } catch {} // the directory of the spool goes with all it holds
    },
  };
}

function readStretch(fd: number, { offset, bytes }: Stretch): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let done = 0; done < bytes; ) {
    const read = readSync(fd, buffer, done, bytes - done, offset + done);
    if (read === 0) throw Object.assign(new Error('the spool was cut short'), { code: 'EIO' });
    done += read;
  }
  return buffer;
}
