// Opens and checks the roots of an agent: each is an existing directory, none lies in another, and together they are all that the service
// uses.

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LmError, printable } from '../errors.js';
import { isInside, type Root, type Roots, yamlLine } from '../files/roots.js';
import { outsideError } from '../guards/guard-outside.js';
import { findOpenFiles } from '../linux/open-files.js';
import { findOutsideFiles } from '../linux/outside-files.js';
import type { StatedRoot } from '../settings/roots.js';
import { missingForNode, type SidesOptions } from '../sides/guard-sides.js';

/** A root of the source must exist: a missing one is a mistake, or a disk that is not mounted. `origin` says where its path comes from. */
export function openRoot({ type, index, path }: StatedRoot, origin: string, yaml: string | undefined): Root {
  const key = `${type}/${index}`;
  try {
    const real = realpathSync.native(path);
    if (statSync(real).isDirectory()) return { key, type, index, path: real };
  } catch (cause) {
    const named = yaml === undefined ? key : `${key} (${printable(origin)})`;
    throw new LmError('usage', `root ${named}: cannot open ${printable(path)}: ${errnoOf(cause)}`, {
      cause,
      hint:
        yaml === undefined
          ? 'name a directory that is there, and mount what belongs there'
          : `mount what belongs there; if it lies elsewhere, say so in ${printable(yaml)}: \`${yamlLine(type, 'DIR')}\``,
    });
  }
  throw new LmError('usage', `root ${key}: ${printable(path)} is not a directory`);
}

/** An entry in two roots would be listed twice, and the agent's own records would be listed as data. Throws `usage`. */
export function refuseOverlaps(roots: Roots, stateDir: string): void {
  for (const root of roots) {
    const outer = roots.find((other) => other !== root && isInside(root.path, other.path));
    if (outer) throw new LmError('usage', `root ${root.key} lies within root ${outer.key}: ${printable(root.path)}`);
    if (isInside(realIfThere(stateDir), root.path))
      throw new LmError('usage', `the state directory lies within root ${root.key}: ${printable(stateDir)}`, {
        hint: 'give another --state-dir',
      });
  }
}

function realIfThere(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path; // it does not exist yet
  }
}

/** A running service shows by its open files where it keeps them; `yaml` may have changed since it was started. Throws `usage`. */
export async function refuseOutsideFiles(roots: Roots, yaml: string | undefined): Promise<void> {
  const { holders } = await findOpenFiles(roots.map(({ path }) => path));
  const error = outsideError(await findOutsideFiles(holders, roots), { roots, yaml });
  if (error) throw error;
}

/** Warnings where a copy by lm would refuse: that copy may have --without, and a Sidecar that copies from here does not check. */
export function incompleteNodeWarnings(roots: Roots, without: SidesOptions['without']): string[] {
  const node = roots
    .filter(({ type }) => type === 'data' || type === 'local_system_data')
    .map(({ path }) => join(path, 'system'))
    .find((system) => namesIn(system).some((name) => name.startsWith('local-')));
  const lacking = node === undefined ? [] : missingForNode({ roots, without });
  if (node === undefined || lacking.length === 0) return [];
  const flags = lacking.map((type) => `--root ${type}=DIR`).join(' ');
  const waivers = lacking.map((type) => `--without ${type}`).join(' ');
  return [
    `${printable(node)} is a Cassandra node's, and its ${lacking.join(' and ')} ${lacking.length === 1 ? 'is' : 'are'} not served: add ${flags}, or ${waivers} if what they hold may be lost`,
  ];
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // missing, or the walk will report it
  }
}
