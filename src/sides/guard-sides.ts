// Refuses two sides that do not have the same roots, or that lack a directory which a Cassandra node needs. The hints name the keys of
// cassandra.yaml where one is used.

import { LmError, printable } from '../errors.js';
import { type DirType, type Entry, type EntryKey, joinKey, type RootKey } from '../files/entry.js';
import type { ListedBlock, ListingHeader } from '../files/listing.js';
import { type Roots, YAML_KEYS, yamlLine } from '../files/roots.js';

export interface SidesOptions {
  roots: Roots;
  only: EntryKey | undefined;
  without: readonly DirType[];
  /** The cassandra.yaml that names the roots of this host. */
  yaml: string | undefined;
}

/** Both sides must have the same root keys; the paths may differ. Throws `refused`. */
export function matchRoots({ roots: remote }: Pick<ListingHeader, 'roots'>, options: SidesOptions): void {
  const { roots, only } = options;
  const here = new Set<RootKey>(roots.map(({ key }) => key));
  const missing = remote.find(({ key }) => !here.has(key));
  if (missing) throw missingHere(missing, remote, options);
  if (only !== undefined) return;
  const there = new Set<RootKey>(remote.map(({ key }) => key));
  const extra = roots.find(({ key }) => !there.has(key));
  if (extra) throw missingAtSource(extra, remote, options);
}

const typeOf = (key: RootKey): DirType => key.split('/')[0] as DirType;

const dataOf = (roots: readonly { key: RootKey }[]): number => roots.filter(({ key }) => typeOf(key) === 'data').length;

function missingHere(
  { key, path }: { key: RootKey; path: string },
  remote: ListingHeader['roots'],
  options: SidesOptions,
) {
  const { roots, yaml } = options;
  const type = typeOf(key);
  if (type === 'data' && dataOf(roots) > 0)
    return new LmError('roots-differ', unequalData(remote, roots, yaml), {
      hint:
        yaml === undefined
          ? 'name as many with --root data=DIR as the source has, in its order; they may lie on one disk'
          : `name as many data_file_directories in ${printable(yaml)} as the source has, in its order; they may lie on one disk, and stay so`,
    });
  return new LmError('roots-differ', `the source has ${key} (${printable(path)}), which has no directory here`, {
    hint:
      yaml === undefined
        ? `name one with --root ${type}=DIR`
        : `add \`${yamlLine(type, 'DIR')}\` to ${printable(yaml)}${type === 'cdc_raw' ? ', or set `cdc_enabled: true` there' : ''}`,
  });
}

function missingAtSource({ key, path }: Roots[number], remote: ListingHeader['roots'], { roots, yaml }: SidesOptions) {
  const type = typeOf(key);
  if (type === 'data' && dataOf(remote) > 0)
    return new LmError('roots-differ', unequalData(remote, roots, yaml), {
      hint: `name as many here as the source has, and add the others once the migration is complete (nodetool relocatesstables then spreads the SSTables); or serve the others there with ${yaml === undefined ? '--root data=DIR' : '`data_file_directories` of its cassandra.yaml'}`,
    });
  return new LmError('roots-differ', `the source does not serve ${key}, here ${printable(path)}`, {
    hint:
      yaml === undefined
        ? `leave that root out here, or serve it there with --root ${type}=DIR`
        : `serve it there: add \`${yamlLine(type, 'DIR')}\` to its cassandra.yaml, or --root ${type}=DIR to lm serve; or take ${YAML_KEYS[type]}${type === 'cdc_raw' ? ' and cdc_enabled' : ''} out of ${printable(yaml)}${type === 'data' ? '' : `, or say --without ${type}`}`,
  });
}

/** `the source has 3 data_file_directories, here are 2` */
function unequalData(remote: ListingHeader['roots'], roots: Roots, yaml: string | undefined): string {
  const what = yaml === undefined ? (n: number) => `${n} data ${n === 1 ? 'root' : 'roots'}` : yamlCount;
  const here = dataOf(roots);
  return `the source has ${what(dataOf(remote))}, here ${here === 1 ? 'is' : 'are'} ${here}`;
}

const yamlCount = (n: number): string => `${n} data_file_directories`;

/** The entry by which a listing shows that its tree is a Cassandra node's. */
export interface FoundNode {
  key: EntryKey | undefined;
}

/** The same blocks; sets `found.key` when one holds a node's own table: `data/0/system/local-…`. */
export async function* watchForNode(blocks: AsyncIterable<ListedBlock>, found: FoundNode): AsyncGenerator<ListedBlock> {
  const check = (dir: EntryKey, entries: readonly Entry[]): void => {
    if (found.key !== undefined || !/^(?:data|local_system_data)\/\d+\/system$/.test(dir)) return;
    const local = entries.find(({ name }) => name.startsWith('local-'));
    if (local) found.key = joinKey(dir, local.name);
  };
  for await (const listed of blocks)
    yield {
      line: listed.line,
      block() {
        const block = listed.block();
        if (block) check(block.dir, block.entries);
        return block;
      },
      takeIfSame(walked, owners) {
        const same = listed.takeIfSame?.(walked, owners) === true;
        if (same) check(walked.sum.dir, walked.sum.directories);
        return same;
      },
    };
}

/** Only these directories hold writes that no SSTable has yet, and writes that are kept for other nodes. */
const NEEDED: readonly DirType[] = ['commitlog', 'hints'];

/** The needed types that have no root, and that the operator did not leave out with --without. */
export const missingForNode = ({
  roots,
  without,
}: Pick<SidesOptions, 'without'> & { roots: readonly { type: DirType }[] }) =>
  NEEDED.filter((type) => !without.includes(type) && !roots.some((root) => root.type === type));

/** Throws `usage` for a node whose commit log or hints take no part, unless the operator left them out with --without. */
export function refuseIncompleteNode({ key }: FoundNode, options: SidesOptions): void {
  if (key === undefined) return;
  const missing = missingForNode(options);
  if (missing.length === 0) return;
  throw new LmError(
    'missing-root',
    `the source holds a Cassandra node (${printable(key)}), and no root for its ${missing.join(' and ')}`,
    {
      hint: `name ${missing.map((type) => `--root ${type}=DIR`).join(' ')} on both hosts; or, if what they hold may be lost, ${missing.map((type) => `--without ${type}`).join(' ')}`,
    },
  );
}
