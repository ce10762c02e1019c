// An agent that gives invalid answers where the test says so, and valid ones elsewhere.

import type { ServerResponse } from 'node:http';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import type { Entry } from '../../src/files/entry.js';
import { type Block, type ListingHeader, noTotals } from '../../src/files/listing.js';
import { blockLine, endLine, headerLine } from '../../src/listing/listing-lines.js';
import { readFileRequest } from '../../src/wire/file-requests.js';
import { FRAMES_CONTENT_TYPE, readFetchRequest, TRAILER_STATUS, writeFrameHead } from '../../src/wire/frames.js';
import { SEALED_TYPE } from '../../src/wire/line-seals.js';
import type { Respond } from './besieged.js';
import { dirEntry, fileEntry, linkEntry } from './entries.js';
import { sealListing, sealUp } from './seal-up.js';

const CONTENT = 'canary';
const hash = createXxh64();

/** The answers of a hostile agent; routes that are left out get valid answers. */
export interface Lies {
  status?: (response: ServerResponse) => void;
  /** `times`: how many such requests came before. */
  listing?: (response: ServerResponse, times: number) => void;
  fetch?: (response: ServerResponse, lengths: number[]) => void;
  digests?: (response: ServerResponse, sizes: number[]) => void;
  openFiles?: (response: ServerResponse) => void;
}

const header: ListingHeader = {
  ...{ protocol: 1, features: [], agentId: 'hostile', machine: 'm' },
  roots: [{ key: 'data/0', path: '/srv', ino: '2', mode: 0o40755, uid: 0, gid: 0 }],
  exclusions: { filesToExclude: [], dirsToExclude: [] },
};
export const file = (name: string, size = 6): Entry =>
  fileEntry(name, { size: `${size}`, mtimeNs: '1731000001456789012' });
export const dir = (name: string): Entry => dirEntry(name, { mtimeNs: '5000' });
export const link = (name: string, target: string): Entry => linkEntry(name, target, { mtimeNs: '5000' });
export const HONEST: Block[] = [
  { dir: 'data/0', entries: [file('a'), dir('d'), link('l', 'a')] },
  { dir: 'data/0/d', entries: [file('x', 3000)] },
];

export function textOf(blocks: Block[]): string {
  const entries = blocks.flatMap((block) => block.entries);
  const bytes = entries.reduce((sum, { mode, size }) => sum + ((mode & 0o170000) === 0o100000 ? Number(size) : 0), 0);
  return (
    headerLine(header) + blocks.map(blockLine).join('') + endLine({ ...noTotals(), entries: entries.length, bytes })
  );
}

export const lines = (response: ServerResponse, bytes: Buffer): void =>
  void response.writeHead(200, { 'content-type': SEALED_TYPE }).end(bytes);

export const listed =
  (...texts: string[]) =>
  (response: ServerResponse, times: number): void =>
    lines(response, sealListing(texts[Math.min(times, texts.length - 1)]!));

export function frame(length: number): Buffer {
  const bytes = Buffer.alloc(length, CONTENT);
  hash.update(bytes);
  const status = Buffer.from([TRAILER_STATUS.asPromised]);
  return Buffer.concat([writeFrameHead({ length }), bytes, status, ...(length > 0 ? [hash.digest()] : [])]);
}

export const framed = (response: ServerResponse, bytes: Buffer): void =>
  void response.writeHead(200, { 'content-type': FRAMES_CONTENT_TYPE, 'content-length': bytes.length }).end(bytes);

/** The digests of what a valid source would send. */
export const honestDigests = (sizes: number[]): unknown[] => [
  ...sizes.map((size, index) => {
    hash.update(Buffer.alloc(size, CONTENT));
    return [index, Buffer.from(hash.digest()).reverse().toString('hex')];
  }),
  { type: 'end', files: sizes.length },
];

export const linesOf = (values: unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

export function answering(lies: Lies): Respond {
  let listings = 0;
  return ({ url }, response, body) => {
    if (url!.endsWith('/status')) {
      if (lies.status) return lies.status(response);
      response.writeHead(200, { 'content-type': 'application/json', 'lm-agent': '1' });
      return response.end('{"state":"NOT_COMPLETED","endTime":null}');
    }
    if (url!.includes('/open-files')) {
      if (lies.openFiles) return lies.openFiles(response);
      return lines(response, sealUp('{"writers":[],"uninspected":[]}\n'));
    }
    if (url!.includes('.lm-part')) return response.writeHead(404).end(); // it is not the destination
    if (url!.includes('/files')) return (lies.listing ?? listed(textOf(HONEST)))(response, listings++);
    if (url!.endsWith('/digests')) {
      const sizes = readFileRequest(body).dirs.flatMap(([, parts]) => parts.map((part) => Number(part[1])));
      return lies.digests ? lies.digests(response, sizes) : lines(response, sealUp(linesOf(honestDigests(sizes))));
    }
    const unit = readFetchRequest(body);
    const parts = unit.dirs.flatMap(([, parts]) => parts);
    const lengths = unit.kind === 'range' ? [unit.length] : parts.map((part) => Number(part[1]));
    return lies.fetch ? lies.fetch(response, lengths) : framed(response, Buffer.concat(lengths.map(frame)));
  };
}
