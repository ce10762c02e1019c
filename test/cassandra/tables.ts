// The tables of the suite: one for each kind of thing that a node keeps on disk. What a row holds follows from its table, key and
// version, so that whoever knows these knows the row. Writes and reads nothing.

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

export const KEYSPACE = 'ks';

/** A row as it comes from a SELECT. */
export type Found = { id: number; v: number } & Record<string, unknown>;

export interface Table {
  name: string;
  columns: string;
  options: string;
  /** `?` stand for the values of `valuesOf`. */
  write: string;
  /** Of a row beside its key and its version. */
  valuesOf(id: number, version: number): unknown[];
  holds(row: Found): boolean;
}

const BLOB = 'id int PRIMARY KEY, v int, body blob';

const blobs = (name: string, options: string): Table => ({
  name,
  columns: BLOB,
  options,
  write: `INSERT INTO ${KEYSPACE}.${name} (id, v, body) VALUES (?, ?, ?)`,
  valuesOf: (id, version) => [bodyOf(name, id, version)],
  holds: ({ id, v, body }) => bodyOf(name, id, v).equals(body as Buffer),
});

/** One to seventeen KiB, of which half compresses. */
function bodyOf(table: string, id: number, version: number): Buffer {
  const name = `${table}/${id}/${version}`;
  const length = 512 + (createHash('sha256').update(name).digest().readUInt16LE(0) % 8192);
  const noise = createHash('shake256', { outputLength: length }).update(name).digest();
  return Buffer.concat([noise, Buffer.alloc(length, name)]);
}

const COLLECTIONS: Table = {
  name: 'coll',
  columns: 'id int PRIMARY KEY, v int, m map<text, int>, s set<int>, l list<text>',
  options: '',
  write: `INSERT INTO ${KEYSPACE}.coll (id, v, m, s, l) VALUES (?, ?, ?, ?, ?)`,
  valuesOf: collectionsOf,
  holds: ({ id, v, m, s, l }) => isDeepStrictEqual([m, s, l], collectionsOf(id, v)),
};

function collectionsOf(id: number, version: number): unknown[] {
  const map = Object.fromEntries(Array.from({ length: (id % 5) + 1 }, (_, i) => [`k${i}`, version * 10 + i]));
  const set = [...new Set([id, version])].sort((a, b) => a - b);
  return [map, set, [`${id}-a`, `${version}-b`]];
}

/** How many tags there are. */
export const TAGS = 50;

const tagOf = (id: number, version: number): string => `tag${(id + version) % TAGS}`;

const INDEXED: Table = {
  name: 'sai',
  columns: 'id int PRIMARY KEY, v int, tag text',
  options: '',
  write: `INSERT INTO ${KEYSPACE}.sai (id, v, tag) VALUES (?, ?, ?)`,
  valuesOf: (id, version) => [tagOf(id, version)],
  holds: ({ id, v, tag }) => tag === tagOf(id, v),
};

/** Without the index: it is made with the schema. */
export const TABLES: readonly Table[] = [
  blobs('lz4', `compression = {'class': 'LZ4Compressor'}`),
  blobs('zstd', `compression = {'class': 'ZstdCompressor'}`),
  blobs('plain', `compression = {'enabled': 'false'}`),
  blobs(
    'ttl',
    `default_time_to_live = 864000 AND compaction = {'class': 'TimeWindowCompactionStrategy',
     'compaction_window_unit': 'MINUTES', 'compaction_window_size': 1}`,
  ),
  blobs('cdc', 'cdc = true'),
  COLLECTIONS,
  INDEXED,
];

export const COUNTER = 'cnt';

/** What makes them all. A node without CDC takes no `cdc = true`. */
export function schema(replicas: number, { cdc }: { cdc: boolean }): string[] {
  const made = TABLES.map(({ name, columns, options }) => {
    const stated = name === 'cdc' && !cdc ? '' : options;
    return `CREATE TABLE ${KEYSPACE}.${name} (${columns})${stated === '' ? '' : ` WITH ${stated}`}`;
  });
  return [
    `CREATE KEYSPACE ${KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': ${replicas}}`,
    ...made,
    `CREATE INDEX sai_tag ON ${KEYSPACE}.sai (tag) USING 'sai'`,
    `CREATE TABLE ${KEYSPACE}.${COUNTER} (id int PRIMARY KEY, c counter)`,
  ];
}
