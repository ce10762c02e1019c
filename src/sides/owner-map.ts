// Who each of the source's owners is here: by the operator's rules, by name, and by number where nobody here has either. Collects what it
// must not decide; changes nothing.

import { printable } from '../errors.js';
import type { ListedBlock, Owner } from '../files/entry.js';
import type { AccountNames, Database } from '../owners/account-names.js';
import { type Accounts, readAccounts } from '../owners/accounts.js';
import type { OwnerMapping, OwnerNames } from '../owners/owner-names.js';
import type { AccountKind } from '../owners/owner-rules.js';
import type { MappedOwner } from '../report.js';
import type { ResolvedRule } from './owner-rules.js';

export interface OwnerMapOptions {
  rules: readonly ResolvedRule[];
  /** Of this host, as one listing finds them. */
  accounts: AccountNames;
  /** Whether a file can be given to this user or group at all. */
  isGivable(kind: AccountKind, id: number): boolean;
}

/** An owner that nobody can be taken for. */
export interface Refused {
  kind: AccountKind;
  id: number;
  name: string | null;
  /** For people: why. */
  why: string;
}

/** The owner of what has no place in a user namespace, whoever it is outside; see user_namespaces(7). */
const OVERFLOW_ID = 65_534;

/** Pairs of a user and a group. */
const MAX_KEPT = 10_000;

const DATABASE: Record<AccountKind, Database> = { user: 'passwd', group: 'group' };

/** Of one listing. */
export class OwnerMap implements OwnerMapping {
  readonly #options: OwnerMapOptions;
  readonly #decided = { user: new Map<number, MappedOwner>(), group: new Map<number, MappedOwner>() };
  readonly #refused = { user: new Map<number, Refused>(), group: new Map<number, Refused>() };
  readonly #met = new Set<Refused>();
  readonly #here = new Map<number, Map<number, Owner>>();
  readonly #doubted = new WeakMap<Owner, Refused[]>();
  readonly #matched = new Set<ResolvedRule>();
  readonly #troubles = new Set<string>();
  /** By number here. */
  readonly #names = { user: new Map<number, string>(), group: new Map<number, string>() };
  #files: Accounts | undefined;
  #kept = 0;
  #isHeader = true;
  #tellsNames = true;
  #isIdentity = true;
  /** A question about this host's accounts was not answered: who is not known may be somebody all the same. */
  #isUnsureHere = false;

  constructor(options: OwnerMapOptions) {
    this.#options = options;
    for (const kind of ['user', 'group'] as const)
      this.#decided[kind].set(0, { id: 0, name: null, to: 0, by: 'number' });
  }

  get isIdentity(): boolean {
    return this.#isIdentity;
  }

  get tellsNames(): boolean {
    return this.#tellsNames;
  }

  /** Why names may be missing, at the source and here; for people. */
  get troubles(): string[] {
    return [...this.#troubles];
  }

  /** Whether some owner was told of that is nobody here; whether anything belongs to him shows when it is met. */
  get doubts(): boolean {
    return this.#refused.user.size + this.#refused.group.size > 0;
  }

  learnNoNames(): void {
    this.#tellsNames = false;
    this.#isIdentity = !this.#options.rules.some(({ rule }) => /^\d+$/.test(rule.name));
  }

  /** The first call is about the roots themselves. */
  async learn({ users, groups, trouble }: OwnerNames): Promise<void> {
    if (trouble !== undefined) this.#troubles.add(`the source could not look up all names of owners: ${trouble}`);
    const isSure = trouble === undefined;
    await Promise.all([this.#learn('user', users, isSure), this.#learn('group', groups, isSure)]);
    if (this.#isHeader)
      for (const kind of ['user', 'group'] as const) for (const one of this.#refused[kind].values()) this.#met.add(one);
    this.#isHeader = false;
  }

  toHere(owner: Owner): Owner | undefined {
    const known = this.#here.get(owner.uid)?.get(owner.gid);
    if (known) return known;
    const [uid, gid] = [this.#idHere('user', owner.uid), this.#idHere('group', owner.gid)];
    if (uid === undefined || gid === undefined) return undefined;
    const here = { uid, gid };
    this.#keep(owner, here);
    const refused = [this.#refused.user.get(owner.uid), this.#refused.group.get(owner.gid)].filter(
      (one) => one !== undefined,
    );
    if (refused.length > 0) this.#doubted.set(here, refused);
    return here;
  }

  /** One object for all entries of an owner, as long as there are not more of them than a source can have honestly. */
  #keep({ uid, gid }: Owner, here: Owner): void {
    if (this.#kept++ === MAX_KEPT) {
      this.#here.clear();
      this.#kept = 1;
    }
    const byGroup = this.#here.get(uid) ?? new Map<number, Owner>();
    this.#here.set(uid, byGroup.set(gid, here));
  }

  /** Hears of an owner that `toHere` has made, of an entry that takes part. */
  meet(owner: Owner | undefined): void {
    for (const one of (owner && this.#doubted.get(owner)) ?? []) this.#met.add(one);
  }

  /** Of the owners that were met. */
  refused(): Refused[] {
    return [...this.#met];
  }

  /** What was decided, by number of the source; root is not mentioned. */
  mapped(kind: AccountKind): MappedOwner[] {
    return [...this.#decided[kind].values()].filter(({ id }) => id !== 0).sort((a, b) => a.id - b.id);
  }

  /** What an owner of this host is called, as `user:group`: by the names that have come up, and those of /etc; numbers have none else. */
  readonly named = ({ uid, gid }: Owner): string => `${this.#nameHere('user', uid)}:${this.#nameHere('group', gid)}`;

  /** Rules that were about nobody. */
  unmatched(): ResolvedRule[] {
    return this.#options.rules.filter((rule) => !this.#matched.has(rule));
  }

  #nameHere(kind: AccountKind, id: number): string {
    const known = this.#names[kind].get(id);
    if (known !== undefined) return known;
    this.#files ??= readAccounts();
    const { users, groups } = this.#files;
    const found = kind === 'user' ? users.find(({ uid }) => uid === id) : groups.find(({ gid }) => gid === id);
    const name = found?.name ?? `${id}`;
    this.#names[kind].set(id, name);
    return name;
  }

  #idHere(kind: AccountKind, id: number): number | undefined {
    const decided = this.#decided[kind].get(id);
    if (decided) return decided.to;
    if (this.#refused[kind].has(id)) return id;
    if (this.#tellsNames) return undefined;
    return this.#decide(kind, id, null, this.#byRule(kind, id, null) ?? { to: id, by: 'number' });
  }

  /** `isSure`: who is told without a name has none there. */
  async #learn(kind: AccountKind, told: ReadonlyMap<number, string | null>, isSure: boolean): Promise<void> {
    const open: [id: number, name: string | null][] = [];
    for (const [id, name] of told) {
      const ruled = this.#byRule(kind, id, name);
      if (ruled) this.#decide(kind, id, name, ruled);
      else if (id === OVERFLOW_ID)
        this.#refuse(kind, id, name, 'is what every owner without a place in a user namespace looks like');
      else open.push([id, name]);
    }
    const ids = await this.#idsOf(
      kind,
      open.flatMap(([, name]) => name ?? []),
    );
    const nameless: typeof open = [];
    for (const [id, name] of open) {
      const to = name === null ? undefined : ids.get(name);
      if (to === undefined) nameless.push([id, name]);
      else if (to === 0) this.#refuse(kind, id, name, `is root here`);
      else this.#decide(kind, id, name, { to, by: 'name' });
    }
    const taken = await this.#namesOf(
      kind,
      nameless.map(([id]) => id),
    );
    for (const [id, name] of nameless) {
      const other = taken.get(id);
      if (name === null && !isSure)
        this.#refuse(kind, id, name, 'may have a name at the source, which was not found out');
      else if (this.#isUnsureHere) this.#refuse(kind, id, name, 'may be somebody here, which was not found out');
      else if (other === undefined) this.#decide(kind, id, name, { to: id, by: 'number' });
      else this.#refuse(kind, id, name, `is nobody here by name, and ${id} is ${printable(other)} here`);
    }
  }

  async #idsOf(kind: AccountKind, names: string[]): Promise<ReadonlyMap<string, number>> {
    const { ids, trouble } = await this.#options.accounts.idsOf(DATABASE[kind], [...new Set(names)]);
    if (trouble !== undefined) this.#noteUnsure(trouble);
    return ids;
  }

  async #namesOf(kind: AccountKind, ids: number[]): Promise<ReadonlyMap<number, string>> {
    const { names, trouble } = await this.#options.accounts.namesOf(DATABASE[kind], ids);
    if (trouble !== undefined) this.#noteUnsure(trouble);
    return names;
  }

  #noteUnsure(trouble: string): void {
    this.#isUnsureHere = true;
    this.#troubles.add(`not all names of owners could be looked up here: ${trouble}`);
  }

  #byRule(kind: AccountKind, id: number, name: string | null): Decision | undefined {
    const rule = this.#options.rules.find(
      ({ rule }) => (rule.kind ?? kind) === kind && rule.name === (name ?? `${id}`),
    );
    if (!rule) return undefined;
    this.#matched.add(rule);
    return { to: rule[kind], by: 'rule', target: rule.rule.to };
  }

  #decide(kind: AccountKind, id: number, name: string | null, { to, by, target }: Decision): number {
    if (to === undefined)
      this.#refuse(kind, id, name, `is to be ${printable(`${target}`)}, and there is no such ${kind} here`);
    else if (!this.#options.isGivable(kind, to))
      this.#refuse(kind, id, name, `would be ${to} here, which has no place in the user namespace that lm runs in`);
    else {
      this.#decided[kind].set(id, { id, name, to, by });
      if (by === 'name') this.#names[kind].set(to, name!);
      if (to !== id) this.#isIdentity = false;
      return to;
    }
    return id;
  }

  #refuse(kind: AccountKind, id: number, name: string | null, why: string): void {
    this.#refused[kind].set(id, { kind, id, name, why });
  }
}

interface Decision {
  /** Undefined for a rule that names nobody of this kind. */
  to: number | undefined;
  by: MappedOwner['by'];
  target?: string | number;
}

/** Passes on what it is given, and lets the map hear of owners that are nobody here, where they are met. */
export async function* watchForOwners(blocks: AsyncIterable<ListedBlock>, map: OwnerMap): AsyncGenerator<ListedBlock> {
  for await (const listed of blocks)
    yield {
      block() {
        const block = listed.block();
        if (block && map.doubts) for (const { kind, owner } of block.entries) if (kind !== 'other') map.meet(owner);
        return block;
      },
      takeIfSame: (walked, owners) => !map.doubts && listed.takeIfSame?.(walked, owners) === true,
    };
}
