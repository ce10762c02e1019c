// A service that changes its files while they are copied: writes, grows, truncates, renames, removes and re-creates them. The same seed
// makes the same changes in the same order; only the pace depends on the machine.

import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { random } from './tree.js';

export interface Mutator {
  /** Changes made so far. */
  changes(): number;
  /** Resolves when that many changes have been made. */
  reaches(changes: number): Promise<void>;
  /** When this returns, no more changes are made. */
  stop(): void;
}

export interface MutatorOptions {
  seed?: number;
  /** Pause between changes. */
  everyMs?: number;
  /** Largest file written, in bytes. */
  maxBytes?: number;
}

/** Creates `dir`, and changes files in it and in directories below it, nothing else. Closes every file that it opens. */
export function startMutator(dir: string, options: MutatorOptions = {}): Mutator {
  const { seed = 1, everyMs = 5, maxBytes = 64 * 1024 } = options;
  const next = random(seed);
  const pick = (below: number) => Math.floor(next() * below);
  mkdirSync(dir, { recursive: true });
  let count = 0;
  let waiting: { changes: number; resolve: () => void }[] = [];
  const tick = () => {
    change(dir, pick, maxBytes);
    count++;
    for (const one of waiting) if (count >= one.changes) one.resolve();
    waiting = waiting.filter((one) => count < one.changes);
  };
  const timer = setInterval(tick, everyMs);
  return {
    changes: () => count,
    reaches: (changes) => new Promise((resolve) => void waiting.push({ changes, resolve })),
    stop: () => clearInterval(timer),
  };
}

/** One change. Creations and removals are balanced, so that the tree neither becomes empty nor grows without limit. */
function change(dir: string, pick: (below: number) => number, maxBytes: number): void {
  const below = join(dir, `d${pick(4)}`);
  mkdirSync(below, { recursive: true });
  const names = readdirSync(below);
  const fresh = join(below, `f${pick(1_000_000)}`);
  const victim = join(below, names[pick(names.length)] ?? '');
  const bytes = Buffer.alloc(pick(maxBytes), pick(256));
  const verb = names.length < 10 ? 'write' : names.length > 60 ? 'remove' : VERBS[pick(VERBS.length)]!;
  if (verb === 'write') writeFileSync(fresh, bytes);
  if (verb === 'grow') appendFileSync(victim, bytes);
  if (verb === 'truncate') truncateSync(victim, 0);
  if (verb === 'rename') renameSync(victim, fresh);
  if (verb === 'remove' || verb === 'recreate') rmSync(victim);
  if (verb === 'recreate') writeFileSync(victim, bytes);
}

const VERBS = ['write', 'grow', 'truncate', 'rename', 'remove', 'recreate'] as const;
