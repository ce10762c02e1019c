// Looks up names and numbers of this host's users and groups by getent(1), which includes a directory service, or in /etc/passwd and
// /etc/group where there is no getent. It caches nothing.

import { execFile } from 'node:child_process';
import { errnoOf } from '../errors.js';
import { type Accounts, readAccounts } from './accounts.js';
import { isAccountName, isUint32 } from './owner-names.js';

export type Database = 'passwd' | 'group';

/** The known ones of the requested numbers or names. Any other belongs to no account. */
interface NamesFound {
  /** By number. */
  names: ReadonlyMap<number, string>;
  /** Why some may be missing, for people. */
  problem?: string;
}

interface IdsFound {
  /** By name. */
  ids: ReadonlyMap<string, number>;
  problem?: string;
}

/** Looks up accounts of this host. After a lookup that was not answered in time it asks getent no more. */
export interface AccountNames {
  namesOf(database: Database, ids: readonly number[]): Promise<NamesFound>;
  idsOf(database: Database, names: readonly string[]): Promise<IdsFound>;
}

/** A directory service that does not answer within this is taken to be unreachable. */
const TIMEOUT_MS = 10_000;
/** Keys in one command line; the length of a name bounds its whole length. */
const KEYS_AT_ONCE = 200;
/** An answer holds the members of each group too. */
const MAX_ANSWER_BYTES = 64 << 20;

interface Account {
  name: string;
  id: number;
}

export function createAccountNames({ timeoutMs = TIMEOUT_MS, command = 'getent' } = {}): AccountNames {
  let problem: string | undefined;

  /** The accounts that match one of the keys; undefined where getent does not answer. */
  async function lookUp(database: Database, keys: readonly string[]): Promise<Account[] | undefined> {
    const found: Account[] = [];
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      if (problem !== undefined) return undefined;
      const answer = await run(command, [database, ...keys.slice(at, at + KEYS_AT_ONCE)], timeoutMs);
      if ('problem' in answer) problem = `${command} ${database} ${answer.problem}`;
      if (!('text' in answer)) return undefined;
      found.push(...accountsIn(answer.text));
    }
    return found;
  }

  const withProblem = <T>(found: T): T & { problem?: string } => ({
    ...found,
    ...(problem !== undefined && { problem }),
  });

  return {
    async namesOf(database, ids) {
      if (ids.length === 0) return { names: new Map() };
      const wanted = new Set(ids);
      const accounts = (await lookUp(database, ids.map(String))) ?? accountsInFiles(database);
      const names = new Map<number, string>();
      // For a user whose name is a number, getent answers with the other user: the number in the answer counts, not the key.
      for (const { name, id } of accounts) if (wanted.has(id) && !names.has(id)) names.set(id, name);
      return withProblem({ names });
    },
    async idsOf(database, names) {
      const [others, keys] = [names.filter(isNoKey), names.filter((name) => !isNoKey(name))];
      const answered = keys.length === 0 ? [] : await lookUp(database, keys);
      const files = answered === undefined || others.length > 0 ? accountsInFiles(database) : [];
      return withProblem({
        ids: new Map([...pick(answered ?? files, keys), ...pick(files, others)]),
      });
    },
  };
}

/** getent would read digits as a number, and a hyphen as an option. */
const isNoKey = (name: string): boolean => /^\d+$|^-/.test(name);

/** The first account of each name. */
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

/** Without text and problem: there is no getent. */
type Answer = { text: string } | { problem: string } | Record<string, never>;

/** The exit code of getent when some keys are not known. */
const SOME_UNKNOWN = 2;

function run(command: string, args: readonly string[], timeoutMs: number): Promise<Answer> {
  const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_ANSWER_BYTES } as const;
  return new Promise((resolve) => {
    execFile(command, args, options, (error, text) => {
      if (!error || error.code === SOME_UNKNOWN) return resolve({ text });
      if (error.killed && error.signal === 'SIGKILL')
        return resolve({ problem: `did not answer within ${timeoutMs / 1000} s` });
      if (error.signal) return resolve({ problem: `was ended by ${error.signal}` });
      if (errnoOf(error) === 'ENOENT') return resolve({});
      resolve({ problem: `failed: ${typeof error.code === 'number' ? `exit ${error.code}` : error.code}` });
    });
  });
}
