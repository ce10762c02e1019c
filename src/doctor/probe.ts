// Measures how fast bytes of the source come, and on request how fast it reads its disk. Both are bounded, ask under the permission by
// which a copy reads, and keep to the stated limit.

import { formatBytes, formatCount, formatRate, formatSpan } from '../amounts.js';
import type { ListedFile } from '../digest/listed-file.js';
import { LmError } from '../errors.js';
import { createPace, createPacer } from '../pace/rate.js';
import { Connection } from '../source/connection.js';
import type { Source } from '../source/source.js';
import { fileTarget } from '../wire/file-urls.js';
import { type Finding, note, ok } from './finding.js';

/** What the network is asked for at most, and for how long. */
const NETWORK_BYTES = 64 << 20;
const NETWORK_MS = 2_000;
/** The same bytes again and again, which the source then has in memory. */
const STRETCH_BYTES = 8 << 20;
/** Of less, the time is that of requests. */
const ENOUGH_BYTES = 1 << 20;
const MAX_CONNECTIONS = 4;

interface ProbeOptions {
  files: readonly ListedFile[];
  /** How many requests a copy would have under way. */
  concurrency: number;
  /** Bytes a second; undefined for none. */
  limit: number | undefined;
  signal: AbortSignal;
}

/** What was measured; `bytesPerSecond` undefined where nothing could be. */
interface Probed {
  finding: Finding;
  bytesPerSecond: number | undefined;
}

/** Throws the signal's reason. */
export async function probeNetwork(source: Source, options: ProbeOptions): Promise<Probed> {
  const { files, concurrency, limit, signal } = options;
  const [biggest] = files;
  if (!biggest || Number(biggest.size) < ENOUGH_BYTES)
    return unprobed('network', `not measured: the source has no file of ${formatBytes(ENOUGH_BYTES)} to ask for`);
  const stretch = { target: fileTarget(biggest.key), bytes: Math.min(Number(biggest.size), STRETCH_BYTES) };
  const pacer = createPacer([createPace(limit)]);
  const connections = Array.from(
    { length: Math.max(1, Math.min(MAX_CONNECTIONS, concurrency)) },
    () => new Connection(source.transport.endpoint, new Uint8Array(1 << 20), pacer),
  );
  const close = (): void => {
    for (const connection of connections) connection.close();
  };
  signal.addEventListener('abort', close);
  try {
    const first = await downloadForAWhile(connections.slice(0, 1), stretch, stretch.bytes); // from its disk, if it has to be
    const isSlow = first.bytes < stretch.bytes;
    const came = isSlow ? first : await downloadForAWhile(connections, stretch, NETWORK_BYTES - stretch.bytes);
    signal.throwIfAborted();
    const bytesPerSecond = (came.bytes * 1000) / came.ms;
    const over = formatCount(isSlow ? 1 : connections.length, 'connection');
    const limited = limit === undefined ? '' : `, limited to ${formatRate(limit)}`;
    const how = `${formatBytes(came.bytes)} in ${formatSpan(came.ms)} over ${over}${limited}`;
    return { bytesPerSecond, finding: ok('network', `${formatRate(bytesPerSecond)}: ${how}`) };
  } catch (error) {
    signal.throwIfAborted();
    return unprobed('network', `not measured: ${(error as Error).message}`);
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
}

const unprobed = (code: 'network' | 'cold-reads', says: string): Probed => ({
  finding: note(code, says),
  bytesPerSecond: undefined,
});

/** The first bytes of a file. */
interface Stretch {
  target: string;
  bytes: number;
}

/** Until there is as much, or as long, as a probe may take: what is then under way is cut off. */
async function downloadForAWhile(
  connections: readonly Connection[],
  stretch: Stretch,
  maxBytes: number,
): Promise<{ bytes: number; ms: number }> {
  const began = performance.now();
  let [asked, bytes, isOver] = [0, 0, false];
  const timer = setTimeout(() => {
    isOver = true;
    for (const connection of connections) connection.close();
  }, NETWORK_MS);
  const keepOn = async (connection: Connection): Promise<void> => {
    while (!isOver && asked + stretch.bytes <= maxBytes) {
      asked += stretch.bytes;
      await download(connection, stretch, (came) => {
        bytes += came;
      });
    }
  };
  try {
    await Promise.all(connections.map(keepOn));
  } catch (error) {
    if (!isOver || bytes === 0) throw error; // it was cut off because its time was up
  } finally {
    clearTimeout(timer);
  }
  return { bytes, ms: performance.now() - began };
}

/** Throws what the connection throws, and `source` for an answer without the bytes. */
async function download(connection: Connection, stretch: Stretch, came: (bytes: number) => void): Promise<void> {
  const headers = { Range: `bytes=0-${stretch.bytes - 1}` };
  let status = 0;
  await connection.request(
    { method: 'GET', target: stretch.target, headers },
    {
      head: (head) => {
        status = head.status;
      },
      body: (chunk) => {
        if (status === 200 || status === 206) came(chunk.length);
      },
      end() {},
    },
  );
  if (status !== 200 && status !== 206) throw new LmError('source', `the source answered with HTTP ${status}`);
}

/** What one request has the source read. */
const READ_BYTES = 8 << 20;
const READ_MS = 10_000;
const READERS = 2;

/**
 * Has the source read up to `maxBytes` of big files, those first that nobody has written to for longest, and send hashes alone. What it still
 * had in memory counts as read. Throws the signal's reason.
 */
export async function probeDisk(
  source: Source,
  maxBytes: number,
  { files, signal }: Pick<ProbeOptions, 'files' | 'signal'>,
): Promise<Probed> {
  const { blocks } = source;
  if (!blocks) return unprobed('cold-reads', 'not measured: a Sidecar sends no hashes without bytes');
  const ranges = rangesOf(files, maxBytes);
  if (ranges.length === 0) return unprobed('cold-reads', 'not measured: the source has no file to read');
  const began = performance.now();
  let [next, bytes] = [0, 0];
  const read = async (): Promise<void> => {
    while (next < ranges.length && performance.now() - began < READ_MS) {
      const { file, offset, length } = ranges[next++]!;
      if ((await blocks(file, { offset, length }, signal)) !== undefined) bytes += length;
    }
  };
  try {
    await Promise.all(Array.from({ length: READERS }, read));
  } catch (error) {
    signal.throwIfAborted();
    return unprobed('cold-reads', `not measured: ${(error as Error).message}`);
  }
  if (bytes === 0) return unprobed('cold-reads', 'not measured: the files change, or cannot be read');
  const ms = performance.now() - began;
  const bytesPerSecond = (bytes * 1000) / ms;
  const how = `${formatBytes(bytes)} in ${formatSpan(ms)}, of files that were not written to lately`;
  return { bytesPerSecond, finding: ok('cold-reads', `${formatRate(bytesPerSecond)}: ${how}`) };
}

/** One range of each file, then the next of each, so that as many files as possible are read. */
function rangesOf(
  files: readonly ListedFile[],
  maxBytes: number,
): { file: ListedFile; offset: number; length: number }[] {
  const oldFirst = files.toSorted((a, b) => (BigInt(a.mtimeNs) < BigInt(b.mtimeNs) ? -1 : 1));
  const ranges: ReturnType<typeof rangesOf> = [];
  let left = maxBytes;
  for (let offset = 0, found = true; found; offset += READ_BYTES) {
    found = false;
    for (const file of oldFirst) {
      const length = Math.min(READ_BYTES, Number(file.size) - offset, left);
      if (length <= 0) continue;
      ranges.push({ file, offset, length });
      left -= length;
      found = true;
    }
  }
  return ranges;
}
