// Writes metrics to a file for node_exporter's textfile collector: whole or not at all, readable by everybody. No write waits for the disk,
// as after a crash the next run writes the file again.

import { randomUUID } from 'node:crypto';
import { closeSync, constants, fchmodSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { lstatIfThere } from '../files/if-there.js';
import { writeAll } from '../files/write-all.js';
import { follow } from '../trust/trust.js';

/** The collector usually is another user. */
const MODE = 0o644;

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** What is wrong with the setting, and not with the disk. */
const IN_THE_PATH: ReadonlySet<string | undefined> = new Set([
  ...['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG'],
]);

/** Finds out, without touching a file that is there, whether it could be replaced. Throws `usage`, or `local` for a disk that fails. */
export function checkMetricsFile(path: string): void {
  try {
    const there = lstatIfThere(path);
    if (there && !there.isFile()) throw unsuitable(path, 'is no regular file, and the metrics would take its place');
    const dir = follow(dirname(path), { linksOnly: true });
    if ('why' in dir) throw unsuitable(path, `lies behind the link ${printable(dir.path)}, which ${dir.why}`);
    unlinkSync(writeBeside(path, ''));
  } catch (error) {
    if (error instanceof LmError) throw error;
    const code = errnoOf(error);
    if (IN_THE_PATH.has(code)) throw unsuitable(path, `cannot be written: ${code}`, error);
    throw localError('write metrics to', path, error);
  }
}

/** Throws the system's error; what was there is there still. */
export function writeMetricsFile(path: string, text: string): void {
  const temporary = writeBeside(path, text);
  try {
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}

/** Returns a name that the collector does not read, as it does not end with `.prom`. */
function writeBeside(path: string, text: string): string {
  const temporary = `${path}.${randomUUID()}.new`;
  const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeAll(fd, Buffer.from(text));
    fchmodSync(fd, MODE); // whatever the umask is
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
  return temporary;
}

const unsuitable = (path: string, what: string, cause?: unknown): LmError =>
  new LmError('output-file', `--metrics-file: ${printable(path)} ${what}`, {
    cause,
    hint: 'name a file in a directory that is there, and that this user can write to',
  });
