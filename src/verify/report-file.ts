// `--report FILE`: a verification as JSON lines, for whoever has to act on every difference. Appears whole, or not at all.

import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { LmError, localError, printable, printableJson } from '../errors.js';
import type { Emit } from '../events.js';
import { removeIfThere, statIfThere } from '../files/if-there.js';
import { follow } from '../trust/trust.js';

export interface ReportFile {
  /** Writes `difference` and `verify-ended` events; the others are not its business. Throws `local`. */
  emit: Emit;
  /** Removes what is unfinished. The file is there only when the verification has come to its end. */
  close(): void;
}

/** Written ahead of the disk, so that a million differences are not a million writes. */
const AHEAD_CHARACTERS = 64 * 1024;

/** The first line is `head`, the last one the report; each line between is a difference. Replaces an earlier file, never a device. */
export function createReportFile(path: string, head: Record<string, unknown>): ReportFile {
  const unfinished = `${path}.${randomUUID()}.tmp`;
  const attempt = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw localError('write', path, error);
    }
  };
  if (attempt(() => statIfThere(path)?.isFile()) === false)
    throw new LmError('usage', `--report: ${printable(path)} is not a file, and the report would take its place`, {
      hint: 'name a file; --json prints every difference to stdout',
    });
  const dir = attempt(() => follow(dirname(path), { linksOnly: true }));
  if ('why' in dir)
    throw new LmError(
      'usage',
      `--report: ${printable(path)} lies behind the link ${printable(dir.path)}, which ${dir.why}`,
      {
        hint: 'name a file by the directory that it is to be in',
      },
    );
  let fd: number | undefined = attempt(() => openSync(unfinished, 'wx', 0o600));
  let text = '';
  const flush = (): void => {
    const bytes = Buffer.from(text);
    text = '';
    for (let done = 0; done < bytes.length; ) done += writeSync(fd!, bytes, done);
  };
  const line = (type: string, fields: object): void => {
    text += `${printableJson(JSON.stringify({ type, ...fields }))}\n`;
    if (text.length > AHEAD_CHARACTERS) attempt(flush);
  };
  const finish = (): void => {
    flush();
    fsyncSync(fd!);
    closeSync(fd!);
    fd = undefined;
    renameSync(unfinished, path);
  };
  line('verification', head);
  return {
    emit(event) {
      if (event.type === 'difference') line('difference', event.difference);
      if (event.type !== 'verify-ended') return;
      const { report, exitCode, message } = event;
      line('end', { ...report, exitCode, message });
      attempt(finish);
    },
    close() {
      if (fd === undefined) return;
      closeSync(fd);
      fd = undefined;
      removeIfThere(unfinished);
    },
  };
}
