// Each route of the agent asked byte for byte, with what it answers and with what it refuses. One connection a request.

import { lstatSync } from 'node:fs';
import { join } from 'node:path';

export const P = '/api/v1/live-migration';

/** By what is asked: the request line, headers, and a body. */
export interface Asked {
  line: string;
  headers?: Record<string, string>;
  body?: string;
}

const file = (name: string, headers?: Record<string, string>): Asked => ({
  line: `GET ${P}/files/data/0/${name}`,
  ...(headers && { headers }),
});

/** What a file was listed with. */
const part = (name: string, size: string, ino = `INODE(${name})`): string =>
  `["data/0",[["${name}","${size}","TIME(${name})","${ino}"]]]`;
const lines = (...all: string[]): string => all.map((line) => `${line}\n`).join('');

export const ROUTES: Record<string, Asked[]> = {
  status: [{ line: `GET ${P}/status` }, { line: `HEAD ${P}/status` }],
  'a listing for a Sidecar': [{ line: `GET ${P}/files` }, { line: `HEAD ${P}/files` }],
  'a listing of a part': [{ line: `GET ${P}/files?only=data%2F0%2Fdir`, headers: { accept: 'application/x-ndjson' } }],
  'a file': [
    file('small'),
    { line: `HEAD ${P}/files/data/0/small` },
    file('small', { range: 'bytes=1-3' }),
    file('small', { range: 'bytes=1-3', 'if-range': '"another"' }),
    file('small', { range: 'bytes=9-' }),
    file('small', { 'if-none-match': '*' }),
    file('empty'),
    file('big', { range: 'bytes=9437184-' }),
  ],
  'no file': [
    file('nowhere'),
    file('dir'),
    file('link'),
    file('ks/t/snapshots/x'),
    file('../small'),
    file('%2e%2e/small'),
    file('%zz'),
    { line: `GET ${P}/files/data/7/small` },
    { line: `GET ${P}/files/elsewhere/0/small` },
  ],
  'a digest': [
    file('small?digestAlgorithm=xxhash32'),
    file('small?digestAlgorithm=MD5'),
    file('small?digestAlgorithm=sha1'),
    file('nowhere?digestAlgorithm=md5'),
  ],
  digests: [
    {
      line: `POST ${P}/digests`,
      body: lines(
        '{"digestAlgorithm":"xxhash64","young":true}',
        part('small', '5'),
        part('empty', '0'),
        part('private', '9'),
        part('nowhere', '1', '1'),
      ),
    },
    { line: `POST ${P}/digests`, body: lines('{"digestAlgorithm":"sha1"}') },
  ],
  fetch: [
    {
      line: `POST ${P}/fetch`,
      body: lines('{"kind":"bundle"}', part('small', '5'), part('private', '9'), part('nowhere', '1', '1')),
    },
    {
      line: `POST ${P}/fetch`,
      body: lines('{"kind":"range","offset":8388608,"length":1048577}', part('big', '9437185')),
    },
    {
      line: `POST ${P}/fetch`,
      body: lines('{"kind":"range","seals":"behind-blocks","offset":8388608,"length":1048577}', part('big', '9437185')),
    },
    {
      line: `POST ${P}/fetch`,
      body: lines('{"kind":"range","seals":"alone","offset":8388608,"length":1048577}', part('big', '9437185')),
    },
    { line: `POST ${P}/fetch`, body: lines('{"kind":"range","offset":1,"length":1}', part('big', '9437185')) },
    { line: `POST ${P}/fetch`, body: lines('{"kind":"whole"}', part('small', '5')) },
    { line: `POST ${P}/fetch`, body: 'nonsense' },
  ],
  'open files': [
    { line: `GET ${P}/open-files` },
    { line: `GET ${P}/open-files`, headers: { 'lm-hot-files': '1' } },
    { line: `GET ${P}/open-files`, headers: { 'lm-at-rest-check': '1' } },
  ],
  'what is no route, or not for whoever asks': [
    { line: `GET ${P}/nothing` },
    { line: `DELETE ${P}/files` },
    { line: `GET ${P}/fetch` },
    { line: `GET ${P}/status`, headers: { origin: 'http://example.org' } },
    { line: `GET ${P}/status`, headers: { host: 'example.org' } },
  ],
};

/** `dir` is where the files are whose inodes and times are asked with. */
export function requestText({ line, headers = {}, body = '' }: Asked, dir: string): string {
  const stat = (name: string) => lstatSync(join(dir, name), { bigint: true, throwIfNoEntry: false });
  const filled = body
    .replace(/INODE\((\w+)\)/g, (_, name: string) => `${stat(name)?.ino ?? 1}`)
    .replace(/TIME\((\w+)\)/g, (_, name: string) => `${stat(name)?.mtimeNs ?? 1}`);
  const all = {
    host: 'localhost',
    connection: 'close',
    ...(filled !== '' && { 'content-type': 'application/x-ndjson', 'content-length': Buffer.byteLength(filled) }),
    ...headers,
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${[`${line} HTTP/1.1`, ...head].join('\r\n')}\r\n\r\n${filled}`;
}
