// md5sum and xxhsum: a process for each side, both at once, over every file. They print digests and compare nothing.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import { allAtOnce } from '../processes.js';

export interface SumPeer {
  name: string;
  needs: readonly string[];
  /** Digests of two trees of a few files and no directory; returns seconds. */
  run(bench: Bench, source: string, copy: string): Promise<number>;
}

const sum = (name: string, command: string, flags: string[] = []): SumPeer => ({
  name: `${name}, both sides at once`,
  needs: [command],
  run: (bench, ...trees) =>
    allAtOnce(trees.map((tree) => () => bench.processes.run(command, [...flags, ...filesIn(tree)]))),
});

export const md5sum = sum('md5sum', 'md5sum');
export const xxh32sum = sum('xxhsum -H0', 'xxhsum', ['-H0']);
export const xxh64sum = sum('xxhsum -H1', 'xxhsum', ['-H1']);

const filesIn = (tree: string) => readdirSync(tree).map((name) => join(tree, name));
