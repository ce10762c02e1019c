// The system calls of a command that change something below the sandbox, a line each: the same whichever variant of a call the kernel or
// Node has, and however the bytes of a file come in pieces.

import { withoutSum } from './names.js';
import { type Call, Descriptors, pathOfDescriptor, readCalls, unquoted } from './strace.js';

/** What a call does, whichever variant of it was made. */
interface Operation {
  doing: string;
  paths: string[];
  /** Comes behind the paths. */
  about?: string | undefined;
  /** Of a write. */
  bytes?: number;
  text?: string;
}

/** What was done below `dir`, with paths as the host knows them whose directory is `own`. `plain` replaces what differs from run to run. */
export function callLines(log: string, dir: string, own: string, plain: (text: string) => string): string[] {
  const descriptors = new Descriptors();
  const operations: Operation[] = [];
  for (const call of readCalls(log)) {
    const operation = operationOf(call, descriptors);
    descriptors.see(call);
    if (operation?.paths.some((path) => path.startsWith(`${dir}/`) || path === NO_PATH)) operations.push(operation);
  }
  const lines = joined(operations).map((one) =>
    plain(lineOf(one).replaceAll(`${own}/`, '')).replaceAll(INSTANCE, 'STATE'),
  );
  return lines.length === 0 ? ['(nothing)'] : lines;
}

/** Where nearly all of a command's records are. */
const INSTANCE = /\bstate\/(?:destination|source)-HASH\b/g;

/** Of an operation that is told without one. */
const NO_PATH = '(no path)';

function operationOf(call: Call, descriptors: Descriptors): Operation | undefined {
  const path = (name: string, dir = ''): string => descriptors.resolve(unquoted(name), pathOfDescriptor(dir));
  const operation = (READ[call.name] ?? readOther)(call, path);
  if (operation && call.error !== undefined)
    operation.about = [operation.about, `= ${call.error}`].filter(Boolean).join(' ');
  return operation;
}

/** `path` of an argument that names a file, below the directory of another argument. */
type Read = (call: Call, path: (name: string, dir?: string) => string) => Operation | undefined;

const READ: Record<string, Read> = {
  open: ({ args: [name, flags, mode] }, path) => opening(path(name!), flags!, mode),
  openat: ({ args: [dir, name, flags, mode] }, path) => opening(path(name!, dir), flags!, mode),
  mkdir: ({ args: [name, mode] }, path) => ({ doing: 'mkdir', paths: [path(name!)], about: mode }),
  mkdirat: ({ args: [dir, name, mode] }, path) => ({ doing: 'mkdir', paths: [path(name!, dir)], about: mode }),
  rmdir: ({ args: [name] }, path) => ({ doing: 'rmdir', paths: [path(name!)] }),
  unlink: ({ args: [name] }, path) => ({ doing: 'unlink', paths: [path(name!)] }),
  unlinkat: ({ args: [dir, name, flags] }, path) => ({
    doing: flags === 'AT_REMOVEDIR' ? 'rmdir' : 'unlink',
    paths: [path(name!, dir)],
  }),
  rename: ({ args: [from, to] }, path) => ({ doing: 'rename', paths: [path(from!), path(to!)] }),
  renameat: ({ args: [a, from, b, to] }, path) => ({ doing: 'rename', paths: [path(from!, a), path(to!, b)] }),
  renameat2: ({ args: [a, from, b, to, flags] }, path) => ({
    doing: 'rename',
    paths: [path(from!, a), path(to!, b)],
    about: flags === '0' ? undefined : flags,
  }),
  link: ({ args: [from, to] }, path) => ({ doing: 'link', paths: [path(from!), path(to!)] }),
  linkat: ({ args: [a, from, b, to] }, path) => ({ doing: 'link', paths: [path(from!, a), path(to!, b)] }),
  symlink: ({ args: [target, name] }, path) => ({ doing: 'symlink', paths: [path(name!)], about: target }),
  symlinkat: ({ args: [target, dir, name] }, path) => ({ doing: 'symlink', paths: [path(name!, dir)], about: target }),
  chmod: ({ args: [name, mode] }, path) => ({ doing: 'chmod', paths: [path(name!)], about: mode }),
  fchmodat: ({ args: [dir, name, mode] }, path) => ({ doing: 'chmod', paths: [path(name!, dir)], about: mode }),
  fchmodat2: ({ args: [dir, name, mode] }, path) => ({ doing: 'chmod', paths: [path(name!, dir)], about: mode }),
  chown: ({ args: [name, uid, gid] }, path) => ({ doing: 'chown', paths: [path(name!)], about: `${uid}:${gid}` }),
  lchown: ({ args: [name, uid, gid] }, path) => ({ doing: 'lchown', paths: [path(name!)], about: `${uid}:${gid}` }),
  fchownat: ({ args: [dir, name, uid, gid, flags] }, path) => ({
    doing: flags === 'AT_SYMLINK_NOFOLLOW' ? 'lchown' : 'chown',
    paths: [path(name!, dir)],
    about: `${uid}:${gid}`,
  }),
  fchown: ({ args: [fd, uid, gid] }) => ({ doing: 'fchown', paths: [pathOfDescriptor(fd!)], about: `${uid}:${gid}` }),
  utimensat: ({ args: [dir, name, times, flags] }, path) => ({
    doing: flags === 'AT_SYMLINK_NOFOLLOW' ? 'lutimes' : 'utimes',
    paths: [name === 'NULL' ? pathOfDescriptor(dir!) : path(name!, dir)],
    about: modified(times!),
  }),
  write: (call) => writing(call),
  pwrite64: (call) => writing(call),
  truncate: ({ args: [name, bytes] }, path) => ({ doing: 'truncate', paths: [path(name!)], about: bytes }),
  ftruncate: ({ args: [fd, bytes] }) => truncating(pathOfDescriptor(fd!), bytes!),
  bind: ({ args: [, address] }) =>
    address!.includes('sun_path=@"lm:') ? { doing: 'lock', paths: [NO_PATH] } : undefined,
  sync: () => ({ doing: 'sync', paths: [NO_PATH] }),
};

/** Of an open file: `fchmod`, `fsync`, `fdatasync`, `syncfs`, and what lm does not do today. */
const readOther: Read = ({ name, args: [fd = '', ...others] }) => ({
  doing: name,
  paths: [pathOfDescriptor(fd)],
  about: others.length > 0 ? others.join(' ') : undefined,
});

/** An open for reading changes nothing. */
function opening(path: string, flags: string, mode: string | undefined): Operation | undefined {
  const kept = flags.split('|').filter((flag) => flag !== 'O_CLOEXEC' && flag !== 'O_LARGEFILE');
  const isForReading = kept.includes('O_RDONLY') && !kept.includes('O_CREAT') && !kept.includes('O_TRUNC');
  if (isForReading || kept.includes('O_PATH')) return undefined;
  return { doing: 'open', paths: [path], about: [kept.join('|'), mode].filter(Boolean).join(' ') };
}

const writing = ({ args: [fd, text, bytes] }: Call): Operation => ({
  doing: 'write',
  paths: [pathOfDescriptor(fd!)],
  bytes: Number(bytes),
  text: unquoted(text!),
});

/** How long a journal is differs with the inodes and the port in it. */
const truncating = (path: string, bytes: string): Operation => ({
  doing: 'truncate',
  paths: [path],
  about: isRecord(path) && bytes !== '0' ? 'N' : bytes,
});

const isRecord = (path: string): boolean => path.includes('/state/');

/** The trees of the scenarios are of 2023: what is of this century and later was met on disk. */
const YEARS = { 2024: 1_704_067_200, 2100: 4_102_444_800 };

/** Seconds, to the microsecond: what lies below is Node's, not lm's. */
function modified(times: string): string {
  const [, seconds, ns] = [...times.matchAll(/tv_sec=(-?\d+), tv_nsec=(\d+)/g)][1] ?? [];
  if (seconds === undefined) return times;
  return Number(seconds) > YEARS[2024] && Number(seconds) < YEARS[2100]
    ? 'NOW'
    : `${seconds}.${ns!.padStart(9, '0').slice(0, 6)}`;
}

/** Neighbouring writes to one file are one, and so is what is done to neighbours in the directory of temporary files. */
function joined(operations: Operation[]): Operation[] {
  const kept: Operation[] = [];
  for (const operation of operations) {
    const last = kept.at(-1);
    if (last && isMoreOf(last, operation)) {
      if (operation.bytes !== undefined) last.bytes! += operation.bytes;
      last.paths = [...new Set([...last.paths, ...operation.paths])].sort();
    } else kept.push({ ...operation });
  }
  return kept;
}

const SPOOL = /\/spool\/[^/]+$/;

function isMoreOf(last: Operation, { doing, paths: [path], about }: Operation): boolean {
  if (last.doing !== doing || last.about !== about) return false;
  if (SPOOL.test(path!)) return SPOOL.test(last.paths[0]!);
  return doing === 'write' && last.paths[0] === path && !path!.endsWith('.jsonl');
}

function lineOf({ doing, paths, about, bytes, text }: Operation): string {
  const [first, ...others] = paths as [string, ...string[]];
  if (first === NO_PATH) return doing;
  const names = others.map((path) =>
    SPOOL.test(path) && SPOOL.test(first) ? path.slice(path.lastIndexOf('/') + 1) : path,
  );
  return [doing, first, ...names, about, bytes === undefined ? undefined : written(first, bytes, text!)]
    .filter((word) => word !== undefined)
    .join(' ');
}

/** What other files of the state directory hold is told of by its own trace. */
function written(path: string, bytes: number, text: string): string | undefined {
  if (path.endsWith('/journal.jsonl')) return withoutSum(text.trimEnd());
  return isRecord(path) ? undefined : `${bytes} bytes`;
}
