// Exchanges as lines that can be read: heads as they are, bodies by what they hold. What a body proves of itself is proved here again,
// by another implementation, before its checksum gives way to a word.

import { createHash } from 'node:crypto';
import { createXXHash64 } from 'hash-wasm';
import { folded, type Names, withoutInodes } from './names.js';
import type { Exchange } from './recorder.js';

export interface WireNames extends Names {
  /** Of an entry that is there. */
  inode(inode: string): string;
}

export async function wireLines(exchanges: readonly Exchange[], names: WireNames): Promise<string[]> {
  const lines: string[] = [];
  for (const { request, answer } of exchanges) {
    const sent = messageOf(Buffer.concat(request));
    const got = messageOf(Buffer.concat(answer));
    if (got.head === '' && LOOK.test(sent.head)) continue;
    const pages = pagesRequest(sent);
    const head = await withoutHash(sent);
    lines.push(
      ...messageLines('>', { ...sent, head }, requestBody(pages?.text ?? sent.body, names, pages?.hashes), names),
    );
    if (got.head === '') lines.push('< nothing');
    else lines.push(...messageLines('<', got, await answerBody(got, names, pages), names));
    lines.push('');
  }
  return lines;
}

/** Made now and then beside a download: whether a run that is cut short was just waiting for one is chance. */
const LOOK = /^GET \S+\/status /;

interface Message {
  head: string;
  body: Buffer;
  /** Whether the body is as long as its head says. */
  whole: boolean;
}

function messageOf(bytes: Buffer): Message {
  const end = bytes.indexOf('\r\n\r\n');
  const head = bytes.toString('latin1', 0, Math.max(0, end));
  const rest = bytes.subarray(end + 4);
  if (/^transfer-encoding: chunked$/im.test(head)) return { head, ...dechunked(rest) };
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
  return { head, body: rest, whole: rest.length === length };
}

function dechunked(bytes: Buffer): { body: Buffer; whole: boolean } {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at);
    const length = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (end < 0 || length === 0) return { body: Buffer.concat(chunks), whole: end >= 0 };
    chunks.push(bytes.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}

function messageLines(mark: string, { head, whole }: Message, body: string[], { plain }: Names): string[] {
  const isHeadAlone = body.length === 0;
  const lines = head.split('\r\n').map((line) =>
    plain(line)
      .replace(/^(content-length): \d+$/i, (all, name) => (isHeadAlone ? all : `${name}: ${whole ? 'right' : 'WRONG'}`))
      .replace(/^(date): .*$/i, '$1: DATE')
      .replace(/^(lm-version): .*$/, '$1: VERSION')
      .replace(/^(lm-seals): \d+$/, '$1: CTIME')
      .replace(/^(etag: "[0-9a-f]+-[0-9a-f]+)-[0-9a-f]+"$/i, '$1-INO"'),
  );
  return [...lines, ...(isHeadAlone ? [] : ['', ...body])].map((line) => `${mark} ${line}`.trimEnd());
}

/** The head of a request, of which the hash of its body differs with the inodes in it. */
async function withoutHash({ head, body }: Message): Promise<string> {
  const hash = (await createXXHash64()).update(body).digest();
  return head.replace(/^(lm-body-xxh64): (.*)$/im, (_, name, sent) => `${name}: ${sent === hash ? 'RIGHT' : 'WRONG'}`);
}

/** `["name","5","1700000000000000000","4711"]`: what a file was listed with. */
const PART = /(\["(?:[^"\\]|\\.)*","\d+","-?\d+",)"(\d+)"\]/g;

const requestBody = (body: Buffer, { plain, inode }: WireNames, hashes?: Buffer): string[] => [
  ...linesOf(body.toString()).flatMap((line) =>
    folded(
      plain(
        withoutInodes(
          line.replace(PART, (_, before: string, ino: string) => `${before}"${inode(ino)}"]`),
          inode,
        ),
      ),
    ),
  ),
  ...(hashes ? [`hashes of ${hashes.length / 4} pages ${contentOf(hashes)}`] : []),
];

interface PagesRequest {
  text: Buffer;
  /** Four bytes a page. */
  hashes: Buffer;
  /** How many blocks it names. */
  blocks: number;
}

/** The length of the text in four bytes, the text, and the hashes of pages. */
function pagesRequest({ head, body }: Message): PagesRequest | undefined {
  if (!/^content-type: application\/x-lm-pages$/im.test(head)) return undefined;
  const end = 4 + body.readUInt32LE(0);
  const text = body.subarray(4, end);
  const { blocks } = JSON.parse(linesOf(text.toString())[0]!) as { blocks: [first: number, count: number][] };
  return { text, hashes: body.subarray(end), blocks: blocks.reduce((sum, [, count]) => sum + count, 0) };
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

async function answerBody({ head, body }: Message, names: WireNames, pages?: PagesRequest): Promise<string[]> {
  const type = /^content-type: (.*)$/im.exec(head)?.[1];
  if (body.length === 0) return [];
  if (type === 'application/x-lm-frames') {
    if (!/^lm-seals:/m.test(head)) return frames(body);
    return pages ? pagesAnswer(body, pages) : sealedFrame(body);
  }
  if (type === 'application/x-ndjson') return sealedLines(body, names);
  if (type === 'application/json') return linesOf(body.toString()).flatMap((line) => folded(documentOf(line, names)));
  return [contentOf(body)];
}

/** Who cannot be looked into depends on the machine. */
const documentOf = (text: string, { plain }: Names): string =>
  plain(text)
    .replace(/"uninspected":\[.*?\]/, '"uninspected":PROCESSES')
    .replace(/"inspection":\{.*?\}/, '"inspection":INSPECTION');

const SEAL = /^\{"type":"seal","xxh64":"([0-9a-f]{16})"\}$/;

/** One digest, or a row of them, of which the first counts. */
const DIGESTS = /^\[\[?(\d+),/;

/** The stretches between seals are as long as it happens, and digests come as they are done. */
async function sealedLines(body: Buffer, names: WireNames): Promise<string[]> {
  const hash = await createXXHash64();
  const kept: string[] = [];
  let hashed = '';
  let wrong = 0;
  for (const line of linesOf(body.toString())) {
    const seal = SEAL.exec(line);
    if (seal && hash.init().update(hashed).digest() !== seal[1]) wrong++;
    hashed = seal ? `${line}\n` : `${hashed}${line}\n`;
    if (!seal && !line.startsWith('{"type":"progress"')) kept.push(line);
  }
  const indexOf = (line: string): number => Number(DIGESTS.exec(line)![1]);
  const digests = kept.filter((line) => DIGESTS.test(line)).sort((a, b) => indexOf(a) - indexOf(b));
  const ordered = kept.map((line) => (DIGESTS.test(line) ? digests.shift()! : line));
  const ends = SEAL.test(hashed.trimEnd());
  return [
    ...ordered.flatMap((line) => folded(documentOf(withoutInodes(line, names.inode), names))),
    wrong === 0 && ends ? '(every stretch sealed)' : `(${wrong} SEALS WRONG)`,
  ];
}

const MIB = 1 << 20;

/** A byte and a length, then the bytes of a file, a byte for how it ended, and the XXH64 of each MiB; or why there are none. */
function frames(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at]!;
    const length = bytes.readUInt32LE(at + 1);
    const content = bytes.subarray(at + 5, at + 5 + length);
    const hashes = kind === 0 ? 8 * Math.ceil(length / MIB) : 0;
    const trailer = bytes.subarray(at + 5 + length, at + 5 + length + (kind === 0 ? 1 + hashes : 0));
    const told = trailer.subarray(1).toString('hex');
    const end =
      kind === 0
        ? ` end 0x${trailer.toString('hex', 0, 1)} ${hashes > 32 ? contentOf(trailer.subarray(1)) : told}`
        : '';
    lines.push(`frame ${kind} ${length} ${contentOf(content)}${end}`.trimEnd());
    at += 5 + length + trailer.length;
  }
  return lines;
}

/**
 * A head as of any frame; behind each MiB, and behind the rest, a byte for how it stands and its XXH64; or these alone, unproved. Of a sparse
 * range a byte comes before each MiB, and says whether its bytes do.
 */
async function sealedFrame(bytes: Buffer): Promise<string[]> {
  const length = bytes.readUInt32LE(1);
  const blocks = Math.ceil(length / MIB);
  if (bytes.length === 5 + blocks * 9)
    return [`frame ${bytes[0]} ${length} seals alone ${contentOf(bytes.subarray(5))}`];
  const isSparse = bytes.length !== 5 + length + blocks * 9;
  const kinds: string[] = [];
  const content: Buffer[] = [];
  const statuses = new Set<string>();
  let wrong = 0;
  for (let i = 0, at = 5; i < blocks; i++) {
    const full = Math.min(MIB, length - i * MIB);
    if (isSparse) kinds.push(`0x${bytes.toString('hex', at, ++at)}`);
    const isHole = kinds[i] === '0x33';
    const block = isHole ? Buffer.alloc(full) : bytes.subarray(at, at + full);
    if (isHole) at -= full; // they are not there
    const seal = bytes.subarray(at + block.length, at + block.length + 9);
    const hash = (await createXXHash64()).update(block).digest('binary').toReversed();
    if (Buffer.compare(seal.subarray(1), hash) !== 0) wrong++;
    statuses.add(`0x${seal.toString('hex', 0, 1)}`);
    content.push(block);
    at += block.length + seal.length;
  }
  const sealed = wrong === 0 ? `sealed ${blocks} times` : `${wrong} SEALS WRONG`;
  const sparse = isSparse ? ` kinds ${kinds.join(' ')}` : '';
  return [
    `frame ${bytes[0]} ${length} ${contentOf(Buffer.concat(content))} ${sealed} ${[...statuses].join(' ')}${sparse}`,
  ];
}

const ROW_BYTES = 25;

/**
 * A head as of any frame; the XXH64 of the request up to its hashes, which differs with the inodes in it; how many blocks are answered; a row for each
 * requested block, of a seal and the bits of its pages that differ; the XXH64 of all that; these pages.
 */
async function pagesAnswer(bytes: Buffer, { text, blocks }: PagesRequest): Promise<string[]> {
  const hash = await createXXHash64();
  const digestOf = (some: Uint8Array): Buffer => Buffer.from(hash.init().update(some).digest('binary')).reverse();
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const rowsEnd = 5 + 9 + blocks * ROW_BYTES;
  const isAnswerTo = digestOf(Buffer.concat([length, text])).equals(bytes.subarray(5, 13));
  const isSealed = digestOf(bytes.subarray(5, rowsEnd)).equals(bytes.subarray(rowsEnd, rowsEnd + 8));
  const pages = bytes.subarray(rowsEnd + 8);
  return [
    `frame ${bytes[0]} ${bytes.readUInt32LE(1)} ${isAnswerTo ? 'to this request' : 'to ANOTHER REQUEST'}`,
    ...Array.from({ length: bytes[13]! }, (_, i) => {
      const row = bytes.subarray(14 + i * ROW_BYTES, 14 + (i + 1) * ROW_BYTES);
      return `block 0x${row.toString('hex', 0, 1)} ${row.toString('hex', 1, 9)} pages ${row.toString('hex', 9)}`;
    }),
    `table ${isSealed ? 'sealed' : 'WRONG'}, pages ${contentOf(pages)}`,
  ];
}

/** Short text as it is. */
export const contentOf = (bytes: Uint8Array): string =>
  bytes.length <= 60 && /^[\x20-\x7e]*$/.test(Buffer.from(bytes).toString('latin1'))
    ? JSON.stringify(Buffer.from(bytes).toString())
    : `(${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)})`;
