// Whether the two ends are about the same directories, and whether these are all that the service needs. Says what to type, in the
// terms of cassandra.yaml where one is used; looks at no file.

import { LmError, printable } from '../errors.js';
import {
  type DirType,
  type Entry,
  type EntryKey,
  joinKey,
  type ListedBlock,
  type ListingHeader,
  type RootKey,
} from '../files/entry.js';
import { type Roots, YAML_KEYS, yamlLine } from '../files/roots.js';

export interface SidesOptions {
  roots: Roots;
  only: EntryKey | undefined;
  without: readonly DirType[];
  /** The cassandra.yaml that names the roots here. */
  yaml: string | undefined;
}

/** Both sides must have the same directories in the same order; where they are is each side's own business. Throws `refused`. */
export function matchRoots({ roots: theirs }: Pick<ListingHeader, 'roots'>, options: SidesOptions): void {
  const { roots, only } = options;
  const here = new Set<RootKey>(roots.map(({ key }) => key));
  const missing = theirs.find(({ key }) => !here.has(key));
  if (missing) throw lacking(missing, theirs, options);
  if (only !== undefined) return;
  const there = new Set<RootKey>(theirs.map(({ key }) => key));
  const extra = roots.find(({ key }) => !there.has(key));
  if (extra) throw unserved(extra, theirs, options);
}

const typeOf = (key: RootKey): DirType => key.split('/')[0] as DirType;

const dataOf = (roots: readonly { key: RootKey }[]): number => roots.filter(({ key }) => typeOf(key) === 'data').length;

function lacking({ key, path }: { key: RootKey; path: string }, theirs: ListingHeader['roots'], options: SidesOptions) {
  const { roots, yaml } = options;
  const type = typeOf(key);
  if (type === 'data' && dataOf(roots) > 0)
    return new LmError('refused', unequalData(theirs, roots, yaml), {
      hint:
        yaml === undefined
          ? 'name as many with --root data=DIR as the source has, in its order; they may lie on one disk'
          : `name as many data_file_directories in ${printable(yaml)} as the source has, in its order; they may lie on one disk`,
    });
  return new LmError('refused', `the source has ${key} (${printable(path)}), which has no directory here`, {
    hint:
      yaml === undefined
        ? `name one with --root ${type}=DIR`
        : `add \`${yamlLine(type, 'DIR')}\` to ${printable(yaml)}${type === 'cdc_raw' ? ', or set `cdc_enabled: true` there' : ''}`,
  });
}

function unserved({ key, path }: Roots[number], theirs: ListingHeader['roots'], { roots, yaml }: SidesOptions) {
  const type = typeOf(key);
  if (type === 'data' && dataOf(theirs) > 0)
    return new LmError('refused', unequalData(theirs, roots, yaml), {
      hint: `name as many here as the source has, or serve the others there with ${yaml === undefined ? '--root data=DIR' : '`data_file_directories` of its cassandra.yaml'}`,
    });
  return new LmError('refused', `the source does not serve ${key}, here ${printable(path)}`, {
    hint:
      yaml === undefined
        ? `leave that root out here, or serve it there with --root ${type}=DIR`
        : `serve it there: add \`${yamlLine(type, 'DIR')}\` to its cassandra.yaml, or --root ${type}=DIR to lm serve; or take ${YAML_KEYS[type]}${type === 'cdc_raw' ? ' and cdc_enabled' : ''} out of ${printable(yaml)}${type === 'data' ? '' : `, or say --without ${type}`}`,
  });
}

/** `the source has 3 data_file_directories, here are 2` */
function unequalData(theirs: ListingHeader['roots'], roots: Roots, yaml: string | undefined): string {
  const what = yaml === undefined ? (n: number) => `${n} data ${n === 1 ? 'root' : 'roots'}` : yamlCount;
  const here = dataOf(roots);
  return `the source has ${what(dataOf(theirs))}, here ${here === 1 ? 'is' : 'are'} ${here}`;
}

const yamlCount = (n: number): string => `${n} data_file_directories`;

/** Where a listing shows that its tree is a Cassandra node's. */
export interface NodeSeen {
  key: EntryKey | undefined;
}

/** Passes on what it is given, and takes note of a node's own table: `data/0/system/local-…`. */
export async function* watchForNode(blocks: AsyncIterable<ListedBlock>, seen: NodeSeen): AsyncGenerator<ListedBlock> {
  const look = (dir: EntryKey, entries: readonly Entry[]): void => {
    if (seen.key !== undefined || !/^(?:data|local_system_data)\/\d+\/system$/.test(dir)) return;
    const local = entries.find(({ name }) => name.startsWith('local-'));
    if (local) seen.key = joinKey(dir, local.name);
  };
  for await (const listed of blocks)
    yield {
      block() {
        const block = listed.block();
        if (block) look(block.dir, block.entries);
        return block;
      },
      takeIfSame(walked, owners) {
        const same = listed.takeIfSame?.(walked, owners) === true;
        if (same) look(walked.sum.dir, walked.sum.directories);
        return same;
      },
    };
}

/** What only these hold: writes that no SSTable has yet, and those that are kept for other nodes. */
const NEEDED: readonly DirType[] = ['commitlog', 'hints'];

/** Of these, what has no root and was not left out knowingly. */
export const lackingForANode = ({
  roots,
  without,
}: Pick<SidesOptions, 'without'> & { roots: readonly { type: DirType }[] }) =>
  NEEDED.filter((type) => !without.includes(type) && !roots.some((root) => root.type === type));

/** Throws `usage` for a node whose commit log or hints take no part and were not left out knowingly. */
export function refuseHalfANode({ key }: NodeSeen, options: SidesOptions): void {
  if (key === undefined) return;
  const left = lackingForANode(options);
  if (left.length === 0) return;
  throw new LmError(
    'usage',
    `the source holds a Cassandra node (${printable(key)}), and no root for its ${left.join(' and ')}`,
    {
      hint: `name ${left.map((type) => `--root ${type}=DIR`).join(' ')} on both hosts; or, if what they hold may be lost, ${left.map((type) => `--without ${type}`).join(' ')}`,
    },
  );
}
