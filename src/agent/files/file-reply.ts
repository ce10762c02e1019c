// Replies with one open file, by the request's conditions and range.

import { type BigIntStats, closeSync, fstatSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { extname } from 'node:path';
import { printable } from '../../errors.js';
import { errorReply, type Reply } from '../reply.js';
import { parseRange } from './range.js';
import { readAhead } from './read-ahead.js';
import type { OpenFile } from './requested-file.js';
import { misstatement } from './stated-size.js';

/** What a file's validators are made of. */
type FileStat = Pick<BigIntStats, 'size' | 'mtimeNs' | 'ino'>;

/**
 * The reply owns the descriptor from here on. A file that holds another number of bytes than its size says is refused: the client would get
 * a torn file, or an empty one. Only the length found now is sent; a file that shrinks breaks the connection.
 */
export async function fileReply(file: OpenFile, headers: IncomingHttpHeaders, method: string): Promise<Reply> {
  const { reply, range } = decide(file.stat, file.name, headers, method);
  const done = (): void => closeSync(file.fd);
  const problem = reply.status === 304 ? undefined : await problemOf(file);
  if (problem !== undefined) return { ...errorReply(500, `${printable(file.key)} ${problem}`), done };
  if (!range) return { ...reply, done };
  const holds = { files: range.end === Number(file.stat.size) ? 1 : 0 };
  return { ...reply, body: readAhead(file.fd, range.start, range.end), holds, done };
}

/** Undefined also for a file that is being written to, which may end anywhere, and one that cannot be read: the reply's body fails then. */
async function problemOf({ fd, stat }: OpenFile): Promise<string | undefined> {
  const problem = await misstatement(fd, Number(stat.size)).catch(() => undefined);
  return problem !== undefined && fstatSync(fd, { bigint: true }).size === stat.size ? problem : undefined;
}

/**
 * The Sidecar's choices (FileStreamHandler): an empty file is 416, a range of the whole file 200, an invalid range 416. Validators, If-Range,
 * If-None-Match and the right total are added; the Sidecar's own client reads none of them.
 */
export function decide(
  stat: FileStat,
  name: string,
  headers: IncomingHttpHeaders,
  method = 'GET',
): { reply: Reply; range?: { start: number; end: number } } {
  const size = Number(stat.size);
  const validators = { etag: etagOf(stat), 'last-modified': lastModifiedOf(stat), 'accept-ranges': 'bytes' };
  if (isKnown(headers['if-none-match'], validators.etag)) return { reply: { status: 304, headers: validators } };
  if (size === 0) return { reply: errorReply(416, 'The requested file is empty', { 'content-range': 'bytes */0' }) };
  const isRanged = method === 'GET' && headers.range !== undefined && isCurrent(headers['if-range']?.toString(), stat);
  const range = isRanged ? parseRange(headers.range!, size) : { start: 0, end: size };
  if ('problem' in range)
    return { reply: errorReply(416, range.problem, { ...validators, 'content-range': `bytes */${size}` }) };
  const { start, end } = range;
  const isPart = end - start < size;
  const reply = {
    status: isPart ? 206 : 200,
    headers: {
      ...validators,
      'content-type': TYPES[extname(name).toLowerCase()] ?? 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'content-length': end - start,
      ...(isPart && { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
    },
  };
  return { reply, range };
}

/** A strong validator: a file that keeps all three has the same bytes, as far as its metadata can show. */
export const etagOf = ({ size, mtimeNs, ino }: FileStat): string =>
  `"${size.toString(16)}-${mtimeNs.toString(16)}-${ino.toString(16)}"`;

const lastModifiedOf = ({ mtimeNs }: FileStat): string => new Date(Number(mtimeNs / 1_000_000n)).toUTCString();

const isKnown = (ifNoneMatch: string | undefined, etag: string): boolean =>
  (ifNoneMatch ?? '').split(',').some((given) => given.trim() === '*' || given.trim().replace(/^W\//, '') === etag);

/** A date is a weak validator: it counts only once the file's last write is a minute old (RFC 9110, 8.8.2.2). */
function isCurrent(ifRange: string | undefined, stat: FileStat): boolean {
  if (ifRange === undefined || ifRange === etagOf(stat)) return true;
  const isSettled = Date.now() - Number(stat.mtimeNs / 1_000_000n) > 60_000;
  return isSettled && ifRange === lastModifiedOf(stat);
}

/** The types that Vert.x knows among the files of Cassandra's directories. */
const TYPES: Record<string, string | undefined> = {
  '.txt': 'text/plain',
  '.json': 'application/json',
  '.log': 'text/plain',
  '.xml': 'application/xml',
};
