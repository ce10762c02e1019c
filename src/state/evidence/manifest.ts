// Keeps the digests of a whole verification as a list that md5sum and xxhsum can check. The list appears whole or not at all.

import { closeSync, openSync, readSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { localError } from '../../errors.js';
import { writeAll } from '../../files/write-all.js';
import { PendingFile, syncPath } from '../atomic-file.js';
import { MANIFEST_FILE } from './names.js';

/** Hex digits of a digest; crc32c is missing, because no common tool checks it. */
const DIGITS = { md5: 32, xxhash32: 8, xxhash64: 16 } as const;

export type ManifestAlgorithm = keyof typeof DIGITS;

export const hasManifest = (algorithm: string): algorithm is ManifestAlgorithm => Object.hasOwn(DIGITS, algorithm);

/** The command that checks it. */
export const checkerOf = (algorithm: string): string => (algorithm === 'md5' ? 'md5sum -c' : 'xxhsum -c');

export interface ManifestWriter {
  /** The files of a batch, with digests as a Sidecar writes them. Batches may come in any order. */
  add(batch: number, files: readonly { path: string; digest: string }[]): void;
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
export function createManifest(dir: string, spool: string, algorithm: ManifestAlgorithm): ManifestWriter {
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
    add: (batch, added) =>
      attempt(() => {
        const text = Buffer.from(added.map(({ path, digest }) => manifestLine(algorithm, digest, path)).join(''));
        writeAll(fd!, text, offset);
        stretches.push({ batch, offset, bytes: text.length });
        offset += text.length;
        files += added.length;
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

/**
 * As the tool itself writes it. A line with an escaped name begins with a backslash. md5sum escapes backslashes as well; xxhsum takes them as
 * they are, and knows escapes from 0.8.2 on: an older one passes over such a line and says so.
 */
export function manifestLine(algorithm: ManifestAlgorithm, digest: string, path: string): string {
  const needsEscape = algorithm === 'md5' ? /[\\\n\r]/ : /[\n\r]/;
  if (!needsEscape.test(path)) return `${hexDigest(algorithm, digest)}  ${path}\n`;
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `\\${hexDigest(algorithm, digest)}  ${escaped}\n`;
}

/** A Sidecar writes MD5 in Base64, the others without leading zeros. */
const hexDigest = (algorithm: ManifestAlgorithm, digest: string): string =>
  algorithm === 'md5' ? Buffer.from(digest, 'base64').toString('hex') : digest.padStart(DIGITS[algorithm], '0');
