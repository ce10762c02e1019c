// Reads the manifest that lies beside the evidence, and refuses to give it out where it says nothing of what is here now.

import { closeSync, existsSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { LmError, localError } from '../errors.js';
import { MANIFEST_FILE } from '../state/evidence/names.js';
import { openRegular } from '../trust/regular-file.js';
import type { EvidenceDocument } from './document.js';

/** Throws `refused`, naming the command that makes a manifest. */
export function refuseManifest({ manifest, completed }: EvidenceDocument, dir: string): void {
  const how = completed
    ? 'this migration is complete, so lm takes none any more: md5sum of the files here makes another'
    : 'lm verify --algo md5 makes one for md5sum -c, --algo xxhash64 or xxhash32 for xxhsum -c';
  if (!manifest || !existsSync(join(dir, MANIFEST_FILE)))
    throw new LmError(
      'no-manifest',
      'there is no manifest: no full verification by md5, xxhash32 or xxhash64 has passed',
      {
        hint: how,
      },
    );
  if (manifest.outdated)
    throw new LmError(
      'no-manifest',
      'the manifest is of a verification before the last copy, which may have changed files',
      {
        hint: how,
      },
    );
}

const PIECE_BYTES = 1 << 20;

/** Throws `local`. */
export function* readManifest(dir: string): Generator<Uint8Array> {
  const path = join(dir, MANIFEST_FILE);
  let fd: number | undefined;
  try {
    fd = openRegular(path);
    const buffer = Buffer.alloc(PIECE_BYTES);
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) yield buffer.subarray(0, read);
  } catch (error) {
    throw localError('read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
