// Writes trees from literals to disk, and reads them back as values that `toEqual` can compare. Uses no code of lm.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  createReadStream,
  ftruncateSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** A string or bytes is the content of a file; other nodes have a type. */
export type Node = string | Uint8Array | FileNode | DirNode | LinkNode;
export type Tree = Record<string, Node>;

interface Meta {
  /** Permission bits; by default what the umask leaves. */
  mode?: number;
  /** Since the epoch; by default the time of writing. */
  mtimeNs?: bigint;
}

interface FileNode extends Meta {
  kind: 'file';
  content?: string | Uint8Array;
  /** Instead of content: so many bytes, with no two blocks equal, the same for the same seed. */
  size?: number;
  seed?: number;
  /** After the content, up to the size: zeros that take no space on disk. */
  sparse?: boolean;
}

interface DirNode extends Meta {
  kind: 'dir';
  children: Tree;
}

interface LinkNode extends Meta {
  kind: 'link';
  target: string;
}

export const file = (fields: Omit<FileNode, 'kind'>): FileNode => ({ kind: 'file', ...fields });
export const dir = (children: Tree, meta: Meta = {}): DirNode => ({ kind: 'dir', children, ...meta });
export const link = (target: string, meta: Meta = {}): LinkNode => ({ kind: 'link', target, ...meta });

/** Writes `tree` into `path`, which is created if absent. Modes and times of a directory are set after its contents. */
export function writeTree(path: string, tree: Tree): void {
  mkdirSync(path, { recursive: true });
  for (const [name, node] of Object.entries(tree)) writeNode(join(path, name), node);
}

function writeNode(path: string, node: Node): void {
  if (typeof node === 'string' || node instanceof Uint8Array) {
    writeFileSync(path, node);
    return;
  }
  switch (node.kind) {
    case 'file':
      writeContent(path, node);
      break;
    case 'dir':
      writeTree(path, node.children);
      break;
    case 'link':
      symlinkSync(node.target, path);
      break;
  }
  if (node.mode !== undefined) chmodSync(path, node.mode);
  if (node.mtimeNs !== undefined) setMtime(path, node.mtimeNs);
}

function writeContent(path: string, { content = '', size, seed = 1, sparse }: FileNode): void {
  if (size === undefined) {
    writeFileSync(path, content);
    return;
  }
  const fd = openSync(path, 'w');
  try {
    if (sparse) {
      writeFileSync(fd, content);
      ftruncateSync(fd, size);
    } else for (let at = 0; at < size; at += BLOCK) writeSync(fd, block(seed, at).subarray(0, size - at));
  } finally {
    closeSync(fd);
  }
}

const BLOCK = 1024 * 1024;

/** Pseudo-random bytes of which every 4 KiB hold their own offset, so that a block in the wrong place is noticed. */
function block(seed: number, offset: number): Uint8Array {
  const bytes = noise(seed);
  for (let at = 0; at < BLOCK; at += 4096) bytes.writeDoubleLE(offset + at, at);
  return bytes;
}

let cached: { seed: number; bytes: Buffer } | undefined;

function noise(seed: number): Buffer {
  if (cached?.seed === seed) return cached.bytes;
  const bytes = Buffer.alloc(BLOCK);
  const next = random(seed);
  for (let at = 0; at < BLOCK; at += 4) bytes.writeUInt32LE(Math.floor(next() * 2 ** 32), at);
  cached = { seed, bytes };
  return bytes;
}

/** mulberry32: the same numbers in [0, 1) for the same seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SECOND = 1_000_000_000n;

/** Sets the mtime of a file, a directory or a link itself. Uses touch(1) where Node cannot: below a microsecond, and before 1970. */
export function setMtime(path: string, mtimeNs: bigint): void {
  if (mtimeNs % 1_000n !== 0n || mtimeNs < 0n) {
    const [sign, ns] = mtimeNs < 0n ? ['-', -mtimeNs] : ['', mtimeNs];
    const seconds = `${sign}${ns / SECOND}.${String(ns % SECOND).padStart(9, '0')}`;
    execFileSync('touch', ['-h', '-m', '-d', `@${seconds}`, '--', path]);
    return;
  }
  // Half a microsecond more, because the kernel cuts what a double cannot hold exactly.
  const seconds = Number(mtimeNs / 1_000n) / 1e6 + 5e-7;
  if (lstatSync(path).isSymbolicLink()) lutimesSync(path, seconds, seconds);
  else utimesSync(path, seconds, seconds);
}

/** The properties that are compared. */
export interface Seen {
  kind: 'file' | 'dir' | 'link' | 'other';
  mode: string;
  /** Microseconds since the epoch, floored; of directories only when asked for. */
  mtimeUs?: string;
  size?: number;
  sha256?: string;
  target?: string;
}

export type Snapshot = Record<string, Seen>;

/** Every path below `path`, relative to it. */
export async function readTree(path: string, options: { directoryTimes?: boolean } = {}): Promise<Snapshot> {
  const seen: Snapshot = {};
  const queue = [''];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const name of readdirSync(join(path, at)).sort()) {
      const key = at === '' ? name : `${at}/${name}`;
      seen[key] = await look(join(path, key), options.directoryTimes ?? false);
      if (seen[key].kind === 'dir') queue.push(key);
    }
  }
  return seen;
}

async function look(path: string, directoryTimes: boolean): Promise<Seen> {
  const stat = lstatSync(path, { bigint: true });
  const mode = (Number(stat.mode) & 0o7777).toString(8).padStart(4, '0');
  const mtimeUs = String(stat.mtimeNs / 1_000n);
  if (stat.isDirectory()) return directoryTimes ? { kind: 'dir', mode, mtimeUs } : { kind: 'dir', mode };
  if (stat.isSymbolicLink()) return { kind: 'link', mode, mtimeUs, target: readlinkSync(path) };
  if (!stat.isFile()) return { kind: 'other', mode };
  return { kind: 'file', mode, mtimeUs, size: Number(stat.size), sha256: await sha256(path, Number(stat.size)) };
}

async function sha256(path: string, size: number): Promise<string> {
  const hash = createHash('sha256');
  if (size <= BLOCK) return hash.update(readFileSync(path)).digest('hex'); // a stream costs more than most files
  for await (const chunk of createReadStream(path, { highWaterMark: BLOCK })) hash.update(chunk);
  return hash.digest('hex');
}

/** The tree as a Sidecar lists it: no modes, and times to the millisecond. */
export const asSidecarTells = (tree: Snapshot): Record<string, object> =>
  Object.fromEntries(
    Object.entries(tree).map(([key, { mode: _, mtimeUs, ...seen }]) => [
      key,
      mtimeUs === undefined ? seen : { ...seen, mtimeUs: String(BigInt(mtimeUs) / 1_000n) },
    ]),
  );

/** Removes a tree whose directories may be read-only. */
export function removeTree(path: string): void {
  if (process.getuid?.() !== 0) execFileSync('chmod', ['-R', 'u+rwX', '--', path]);
  rmSync(path, { recursive: true, force: true });
}
