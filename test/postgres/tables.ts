// Two tables that each transaction writes to, one of them in a tablespace. What a row holds follows from its key and its version.

import { createHash } from 'node:crypto';

export interface Table {
  name: string;
  tablespace: string;
}

export const TABLESPACE = 'fast';

export const TABLES: readonly Table[] = [
  { name: 'plain', tablespace: 'pg_default' },
  { name: 'spaced', tablespace: TABLESPACE },
];

/** What makes them, in a tablespace that lies in `location`. */
export const schema = (location: string): string[] => [
  `CREATE TABLESPACE ${TABLESPACE} LOCATION '${location}'`,
  ...TABLES.flatMap(({ name, tablespace }) => [
    `CREATE TABLE ${name} (id int PRIMARY KEY USING INDEX TABLESPACE ${tablespace}, v int, body text)
       TABLESPACE ${tablespace}`,
    `CREATE INDEX ON ${name} (v) TABLESPACE ${tablespace}`,
  ]),
];

/** Up to four thousand characters: some rows stay whole, others have a part in the table's TOAST. */
export function bodyOf(table: string, id: number, version: number): string {
  const name = `${table}/${id}/${version}`;
  const length = createHash('sha256').update(name).digest().readUInt16LE(0) % 2048;
  return createHash('shake256', { outputLength: length }).update(name).digest('hex');
}
