// Names and numbers of this host's users and groups, by getent(1), so that a directory service counts; by /etc/passwd and /etc/group where
// there is no getent. Keeps nothing: each question is asked anew.

import { execFile } from 'node:child_process';
import { errnoOf } from '../errors.js';
import { type Accounts, readAccounts } from './accounts.js';
import { isAccountName, isUint32 } from './owner-names.js';

export type Database = 'passwd' | 'group';

/** What was asked for and is known. A number or a name that is not in it is nobody's. */
export interface NamesFound {
  /** By number. */
  names: ReadonlyMap<number, string>;
  /** Why something may be missing; for people. */
  trouble?: string;
}

export interface IdsFound {
  /** By name. */
  ids: ReadonlyMap<string, number>;
  trouble?: string;
}

/** The accounts of one host, as one look at them has it: after a question that was not answered in time no other is asked. */
export interface AccountNames {
  namesOf(database: Database, ids: readonly number[]): Promise<NamesFound>;
  idsOf(database: Database, names: readonly string[]): Promise<IdsFound>;
}

/** A directory service that is asked over a network answers within this, or is taken to be away. */
const TIMEOUT_MS = 10_000;
/** So many words in one command line; its whole length is bounded by what a name may have. */
const KEYS_AT_ONCE = 200;
/** A group comes with all its members. */
const MAX_ANSWER_BYTES = 64 << 20;

interface Account {
  name: string;
  id: number;
}

export function createAccountNames({ timeoutMs = TIMEOUT_MS, command = 'getent' } = {}): AccountNames {
  let trouble: string | undefined;

  /** The accounts that answer to one of the keys, and whether getent was there to say so. */
  async function ask(database: Database, keys: readonly string[]): Promise<Account[] | undefined> {
    const found: Account[] = [];
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      if (trouble !== undefined) return undefined;
      const answer = await run(command, [database, ...keys.slice(at, at + KEYS_AT_ONCE)], timeoutMs);
      if ('trouble' in answer) trouble = `${command} ${database} ${answer.trouble}`;
      if (!('text' in answer)) return undefined;
      found.push(...accountsIn(answer.text));
    }
    return found;
  }

  const withTrouble = <T>(found: T): T & { trouble?: string } => ({
    ...found,
    ...(trouble !== undefined && { trouble }),
  });

  return {
    async namesOf(database, ids) {
      if (ids.length === 0) return { names: new Map() };
      const wanted = new Set(ids);
      const accounts = (await ask(database, ids.map(String))) ?? accountsInFiles(database);
      const names = new Map<number, string>();
      // Of a user whose name is a number getent answers for the other one: what it says of itself counts, and not what it was asked.
      for (const { name, id } of accounts) if (wanted.has(id) && !names.has(id)) names.set(id, name);
      return withTrouble({ names });
    },
    async idsOf(database, asked) {
      const [unaskable, askable] = [asked.filter(isUnaskable), asked.filter((name) => !isUnaskable(name))];
      const answered = askable.length === 0 ? [] : await ask(database, askable);
      const files = answered === undefined || unaskable.length > 0 ? accountsInFiles(database) : [];
      return withTrouble({
        ids: new Map([...pick(answered ?? files, askable), ...pick(files, unaskable)]),
      });
    },
  };
}

/** getent takes the one for a number and the other for an option. */
const isUnaskable = (name: string): boolean => /^\d+$|^-/.test(name);

/** The first of each name. */
function pick(accounts: readonly Account[], names: readonly string[]): Map<string, number> {
  const wanted = new Set(names);
  const ids = new Map<string, number>();
  for (const { name, id } of accounts) if (wanted.has(name) && !ids.has(name)) ids.set(name, id);
  return ids;
}

function accountsInFiles(database: Database): Account[] {
  const { users, groups } = readAccounts();
  const all = database === 'passwd' ? users.map(({ name, uid }) => ({ name, id: uid })) : idsOfGroups(groups);
  return all.filter(isAccount);
}

const idsOfGroups = (groups: Accounts['groups']): Account[] => groups.map(({ name, gid }) => ({ name, id: gid }));

/** `name:password:id:…`, in passwd(5) and group(5) alike. */
const accountsIn = (text: string): Account[] =>
  text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 3 && /^\d{1,10}$/.test(fields[2]!))
    .map(([name, , id]) => ({ name: name!, id: Number(id) }))
    .filter(isAccount);

const isAccount = ({ name, id }: Account): boolean => isAccountName(name) && isUint32(id);

/** Neither text nor trouble: there is no getent. */
type Answer = { text: string } | { trouble: string } | Record<string, never>;

/** Some of what was asked for is not known. */
const SOME_UNKNOWN = 2;

function run(command: string, args: readonly string[], timeoutMs: number): Promise<Answer> {
  const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_ANSWER_BYTES } as const;
  return new Promise((resolve) => {
    execFile(command, args, options, (error, text) => {
      if (!error || error.code === SOME_UNKNOWN) return resolve({ text });
      if (error.killed && error.signal === 'SIGKILL')
        return resolve({ trouble: `did not answer within ${timeoutMs / 1000} s` });
      if (error.signal) return resolve({ trouble: `was ended by ${error.signal}` });
      if (errnoOf(error) === 'ENOENT') return resolve({});
      resolve({ trouble: `failed: ${typeof error.code === 'number' ? `exit ${error.code}` : error.code}` });
    });
  });
}
