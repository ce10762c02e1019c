// Looks at a destination after every fault and objects to anything a copy must never do.

import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isPartName } from '../../src/files/entry.js';
import { readJournal } from '../../src/state/journal/journal.js';
import type { Host } from '../support/sandbox.js';
import { SEED } from './form.js';
import type { Versions } from './versions.js';

export class Violation extends Error {}

/** What cases put into a destination for a copy to remove. */
export const FOREIGN = '.foreign';

export interface Watched {
  host: Host;
  /** The destination's root. */
  to: string;
  versions: Versions;
  /** Keys that never change at the source. */
  still: readonly string[];
  /** Contents by path: outside the root, or below it and out of a copy's reach. */
  untouchable: Record<string, string>;
}

/** What the destination has, each file read whole. */
interface Seen {
  keys: Set<string>;
  parts: string[];
}

export class Witness {
  readonly #watched: Watched;
  /** Still files that have arrived: they may not go again. */
  #arrived = new Set<string>();

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /** After each fault. `moment` says which. Returns the unfinished files that are there. */
  look(moment: string): string[] {
    const objections: string[] = [];
    const { to, host, untouchable, still } = this.#watched;
    const seen = this.#see(objections);
    for (const key of this.#arrived) if (!seen.keys.has(key)) objections.push(`${key} had arrived and is gone`);
    this.#arrived = new Set(still.filter((key) => seen.keys.has(key)));
    for (const [path, content] of Object.entries(untouchable)) {
      const found = readIfAny(path);
      if (found !== content) objections.push(`${path} is ${found === undefined ? 'gone' : 'not what it was'}`);
    }
    // A copy that was killed early enough has left no records at all.
    for (const instance of existsSync(host.stateDir) ? readdirSync(host.stateDir) : []) {
      const { damagedLines } = readJournal(join(host.stateDir, instance));
      if (damagedLines > 0) objections.push(`${damagedLines} lines of the journal are damaged`);
    }
    if (objections.length === 0) return seen.parts;
    const told = objections.slice(0, 10).join('\n  ');
    throw new Violation(`${moment} (LM_SEED=${SEED}), in ${to}:\n  ${told}`);
  }

  /** Takes something away that has to be brought again; what a copy must not touch stays. */
  lose(key: string): void {
    const files = this.#watched.still.filter((file) => file === key || file.startsWith(`${key}/`));
    for (const file of files) rmSync(join(this.#watched.to, file), { force: true });
    for (const file of files) this.#arrived.delete(file);
  }

  /** After a copy that reached its goal. */
  lookWhenDone(moment: string): void {
    const parts = this.look(moment);
    if (parts.length > 0)
      throw new Violation(`${moment} (LM_SEED=${SEED}): unfinished files stay: ${parts.join(', ')}`);
  }

  #see(objections: string[]): Seen {
    const { to, versions, untouchable } = this.#watched;
    const seen: Seen = { keys: new Set(), parts: [] };
    const above = new Set(Object.keys(untouchable).flatMap((path) => parentsBelow(to, path)));
    const visit = (dir: string): void => {
      for (const name of readdirSync(join(to, dir))) {
        const key = dir === '' ? name : `${dir}/${name}`;
        const path = join(to, key);
        const stat = lstatSync(path);
        if (isPartName(name)) seen.parts.push(key);
        if (isPartName(name) || path in untouchable || name.endsWith(FOREIGN)) continue;
        seen.keys.add(key);
        const what = stat.isDirectory()
          ? versions.strange(key, { kind: 'dir' })
          : stat.isSymbolicLink()
            ? versions.strange(key, { kind: 'link', target: readlinkSync(path) })
            : versions.strange(key, { kind: 'file', bytes: readFileSync(path) });
        if (what && !above.has(path)) objections.push(`${key} ${what}`);
        if (stat.isDirectory()) visit(key);
      }
    };
    visit('');
    return seen;
  }
}

function parentsBelow(root: string, path: string): string[] {
  const parents: string[] = [];
  for (let at = join(path, '..'); at.startsWith(`${root}/`); at = join(at, '..')) parents.push(at);
  return parents;
}

function readIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
