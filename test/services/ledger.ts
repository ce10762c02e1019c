// What a service has acknowledged, and what it may have taken without saying so. Asks none.

interface Table {
  name: string;
}

/** The version of a row that is not there. */
export const DELETED = -1;

/** What a row may hold: the version that was acknowledged last, or one of those that were sent after it and not answered. */
interface Expected {
  acknowledged: number | undefined;
  unanswered: number[];
}

export interface Write<T extends Table = Table> {
  table: T;
  id: number;
  /** `DELETED` takes the row away. */
  version: number;
}

/** Writes to one row come one after the other, so that the last one acknowledged is the one that holds. */
export class Ledger {
  acknowledged = 0;
  unanswered = 0;
  #version = 0;
  readonly #rows = new Map<string, Map<number, Expected>>();
  /** By key: how many increments were acknowledged, and how many were not answered. */
  readonly counters = new Map<number, { acknowledged: number; unanswered: number }>();

  /** One that no row has had. */
  nextVersion(): number {
    this.#version += 1;
    return this.#version;
  }

  wrote({ table, id, version }: Write, answered: boolean): void {
    this.#count(answered);
    const row = this.#rowOf(table.name, id);
    if (answered) Object.assign(row, { acknowledged: version, unanswered: [] });
    else row.unanswered.push(version);
  }

  incremented(id: number, answered: boolean): void {
    this.#count(answered);
    const counter = this.counters.get(id) ?? { acknowledged: 0, unanswered: 0 };
    counter[answered ? 'acknowledged' : 'unanswered'] += 1;
    this.counters.set(id, counter);
  }

  /** Keys of a table that were written at all. */
  keysOf = (table: Table): Iterable<number> => this.#rows.get(table.name)?.keys() ?? [];

  /** Whether a row may be so; `version`: `DELETED` for one that is not there. */
  allows({ table, id, version }: Write): boolean {
    const row = this.#rows.get(table.name)?.get(id);
    if (!row) return version === DELETED;
    return (row.acknowledged ?? DELETED) === version || row.unanswered.includes(version);
  }

  /** For a message. */
  expectedOf = (table: Table, id: number): string => JSON.stringify(this.#rows.get(table.name)?.get(id) ?? 'nothing');

  #count(answered: boolean): void {
    this[answered ? 'acknowledged' : 'unanswered'] += 1;
  }

  #rowOf(table: string, id: number): Expected {
    const rows = this.#rows.get(table) ?? new Map<number, Expected>();
    this.#rows.set(table, rows);
    const row = rows.get(id) ?? { acknowledged: undefined, unanswered: [] };
    rows.set(id, row);
    return row;
  }
}
