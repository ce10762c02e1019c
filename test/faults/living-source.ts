// A directory that lives while it is copied, as a service's does, and whose every version is remembered. The same seed makes the
// same changes in the same order; only their pace is the machine's.

import {
  appendFileSync,
  chmodSync,
  closeSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { PAGE_BYTES, pageAt, stamped } from '../support/stamped-pages.js';
import type { Chance } from './form.js';
import { contentOf, SHORTEST, Versions } from './versions.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Written to in place, page by page, as by a database. It is in a directory of its own, which nothing else changes. */
const PAGED = 'pages/db';
const PAGES = (12 * MIB) / PAGE_BYTES;

type Entry = { kind: 'file'; version: number; size: number } | { kind: 'link' } | { kind: 'dir' };

const VERBS = [
  ...(['make', 'replace', 'overwrite', 'grow', 'truncate', 'rename', 'remove', 'recreate'] as const),
  ...(['turn into a directory', 'turn into a file', 'link', 'chmod', 'date back', 'move a directory'] as const),
];

export class LivingSource {
  readonly versions = new Versions();
  /** Files that never change. */
  readonly still: string[] = [];
  readonly dir: string;
  readonly #staging: string;
  readonly #chance: Chance;
  readonly #now = new Map<string, Entry>();
  #pageWrites = 0;
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(dir: string, chance: Chance) {
    this.dir = dir;
    this.#staging = `${dir}.staging`;
    this.#chance = chance;
    for (const path of [this.dir, this.#staging]) mkdirSync(path);
  }

  /** About 60 MiB, most of it still. */
  fill(): void {
    for (let d = 0; d < 12; d++) this.#makeDir(`still/d${d}`);
    const still = (key: string, size: number): void => {
      this.#put(key, size);
      this.still.push(key);
    };
    for (let i = 0; i < 600; i++) still(`still/d${i % 12}/f${i}`, this.#size(6 * KIB));
    for (const [i, size] of [9 * MIB, 9 * MIB + 1, 20 * MIB - 1].entries()) still(`still/big${i}`, size);
    for (let d = 0; d < 6; d++) this.#makeDir(`busy/d${d}`);
    for (let i = 0; i < 150; i++) this.#put(`busy/d${i % 6}/f${i}`, this.#size(40 * KIB));
    for (let i = 0; i < 10; i++) this.#link(`busy/d${i % 6}/l${i}`);
    this.#put('busy/d0/big', 9 * MIB);
    this.#makeDir('pages');
    this.versions.paged(PAGED, PAGES);
    const pages = Array.from({ length: PAGES }, (_, page) => stamped(0, page));
    writeFileSync(join(this.dir, PAGED), Buffer.concat(pages));
  }

  /** A change every few milliseconds, until `stop`. */
  start(everyMs: number): void {
    this.#timer ??= setInterval(() => {
      try {
        this.change();
      } catch (error) {
        clearInterval(this.#timer);
        this.#failure = error;
      }
    }, everyMs);
  }

  /** The last change has been made when this returns. Throws what kept the source from living on. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  /** One change in the busy part. Files come and go evenly, so that it neither empties nor grows without end. */
  change(): void {
    const { pick, below } = this.#chance;
    this.#writePage();
    const dirs = this.#busy('dir').filter((key) => key !== 'busy');
    if (dirs.length < 6) return this.#makeDir(`busy/d${this.versions.next()}`);
    const [file, dir] = [pick(this.#busy('file')), pick(dirs)];
    const count = this.#busy('file').length;
    const verb = count < 100 ? 'make' : count > 220 ? 'remove' : pick(VERBS);
    const fresh = `${dir}/n${this.versions.next()}`;
    switch (verb) {
      case 'make':
        return this.#put(fresh, this.#size(40 * KIB));
      case 'replace':
        return this.#put(file, this.#sizeOf(file));
      case 'overwrite':
        return this.#overwrite(file, this.#sizeOf(file));
      case 'grow':
        return this.#grow(file, 1 + below(20 * KIB));
      case 'truncate':
        return this.#truncate(file, below(this.#sizeOf(file) + 1));
      case 'rename':
        return this.#move(file, fresh);
      case 'remove':
        return this.#forget(file);
      case 'recreate':
        this.#forget(file);
        return this.#put(file, this.#size(40 * KIB));
      case 'turn into a directory':
        this.#forget(file);
        this.#makeDir(file);
        return this.#put(`${file}/inside`, this.#size(KIB));
      case 'turn into a file':
        this.#forget(dir);
        return this.#put(dir, this.#size(KIB));
      case 'link':
        this.#forget(file);
        return this.#link(file);
      case 'chmod':
        return chmodSync(join(this.dir, file), 0o600 | below(0o200));
      case 'date back': // never twice to one time: two contents of equal size and time are one to everybody who goes by them
        return utimesSync(join(this.dir, file), 1e9, 1e9 + this.versions.next());
      case 'move a directory':
        return this.#move(dir, `busy/m${this.versions.next()}`);
      default:
        verb satisfies never;
    }
  }

  #writePage(): void {
    const page = pageAt(++this.#pageWrites, PAGES);
    const fd = openSync(join(this.dir, PAGED), 'r+');
    writeSync(fd, stamped(this.#pageWrites, page), 0, PAGE_BYTES, page * PAGE_BYTES);
    closeSync(fd);
  }

  #busy(kind: Entry['kind']): string[] {
    return [...this.#now].filter(([key, entry]) => entry.kind === kind && key.startsWith('busy')).map(([key]) => key);
  }

  #size(most: number): number {
    return this.#chance.below(20) === 0 ? 0 : SHORTEST + this.#chance.below(most);
  }

  #file(key: string): Entry & { kind: 'file' } {
    return this.#now.get(key) as Entry & { kind: 'file' };
  }

  #sizeOf = (key: string): number => this.#file(key).size;

  #remember(key: string, version: number, least: number, size: number): void {
    this.versions.file(key, version, least, size);
    this.#now.set(key, { kind: 'file', version, size });
  }

  #makeDir(key: string): void {
    for (let at = key; at !== '.'; at = dirname(at)) {
      this.versions.dir(at);
      this.#now.set(at, { kind: 'dir' });
    }
    mkdirSync(join(this.dir, key), { recursive: true });
  }

  /** Whole at once, as a careful program does it. */
  #put(key: string, size: number): void {
    const version = this.versions.next();
    this.#remember(key, version, size, size);
    writeFileSync(join(this.#staging, 'new'), contentOf(version, size));
    renameSync(join(this.#staging, 'new'), join(this.dir, key));
  }

  /** In place, so that a reader may meet any length in between. */
  #overwrite(key: string, size: number): void {
    const version = this.versions.next();
    this.#remember(key, version, 0, size);
    writeFileSync(join(this.dir, key), contentOf(version, size));
  }

  #grow(key: string, by: number): void {
    const { version, size } = this.#file(key);
    if (size < SHORTEST) return this.#overwrite(key, by);
    this.#remember(key, version, size, size + by);
    appendFileSync(join(this.dir, key), contentOf(version, size + by).subarray(size));
  }

  #truncate(key: string, size: number): void {
    this.#remember(key, this.#file(key).version, size, size);
    truncateSync(join(this.dir, key), size);
  }

  #link(key: string): void {
    const target = `../target ${this.versions.next()}`;
    this.versions.link(key, target);
    this.#now.set(key, { kind: 'link' });
    symlinkSync(target, join(this.dir, key));
    if (this.#chance.below(2) === 0) lutimesSync(join(this.dir, key), 1e9, 1e9 + this.versions.next());
  }

  #forget(key: string): void {
    for (const other of this.#now.keys()) if (other === key || other.startsWith(`${key}/`)) this.#now.delete(other);
    rmSync(join(this.dir, key), { recursive: true });
  }

  #move(key: string, to: string): void {
    if (dirname(to).startsWith(key)) return; // into itself
    for (const [other, entry] of [...this.#now]) {
      if (other !== key && !other.startsWith(`${key}/`)) continue;
      const moved = to + other.slice(key.length);
      this.versions.moved(other, moved);
      this.#now.delete(other);
      this.#now.set(moved, entry);
    }
    renameSync(join(this.dir, key), join(this.dir, to));
  }
}
