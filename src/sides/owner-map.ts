// Maps each owner of the source to one of this host: by the operator's rules, by name, or by number where no account here has that name or
// number. It collects the owners that it must not map.

import { printable } from '../errors.js';
import type { Owner } from '../files/entry.js';
import type { ListedBlock } from '../files/listing.js';
import type { AccountNames, Database } from '../owners/account-names.js';
import { type Accounts, readAccounts } from '../owners/accounts.js';
import type { OwnerMapping, OwnerNames } from '../owners/owner-names.js';
import type { AccountKind } from '../owners/owner-rules.js';
import type { MappedOwner } from '../report/parts.js';
import type { ResolvedRule } from './owner-rules.js';

interface OwnerMapOptions {
  rules: readonly ResolvedRule[];
  /** The accounts of this host, for one listing. */
  accounts: AccountNames;
  /** Whether this process can give a file to this user or group. */
  canGiveTo(kind: AccountKind, id: number): boolean;
}

/** An owner that cannot be mapped. */
export interface Refused {
  kind: AccountKind;
  id: number;
  name: string | null;
  /** The reason, for people. */
  why: string;
}

/** The owner that a file has in a user namespace where its own is not mapped; see user_namespaces(7). */
const OVERFLOW_ID = 65_534;

/** Limit of the kept pairs of a user and a group. */
const MAX_KEPT = 10_000;

const DATABASE: Record<AccountKind, Database> = { user: 'passwd', group: 'group' };

/** The owner map of one listing. */
export class OwnerMap implements OwnerMapping {
  readonly #options: OwnerMapOptions;
  readonly #decided = { user: new Map<number, MappedOwner>(), group: new Map<number, MappedOwner>() };
  readonly #refused = { user: new Map<number, Refused>(), group: new Map<number, Refused>() };
  readonly #met = new Set<Refused>();
  readonly #local = new Map<number, Map<number, Owner>>();
  readonly #refusedOf = new WeakMap<Owner, Refused[]>();
  readonly #matched = new Set<ResolvedRule>();
  readonly #problems = new Set<string>();
  /** Names by number on this host. */
  readonly #names = { user: new Map<number, string>(), group: new Map<number, string>() };
  #files: Accounts | undefined;
  #kept = 0;
  #isHeader = true;
  #hasNames = true;
  #isIdentity = true;
  /** A lookup of this host's accounts was not answered: an unknown owner may exist nevertheless. */
  #isUnsure = false;

  constructor(options: OwnerMapOptions) {
    this.#options = options;
    for (const kind of ['user', 'group'] as const)
      this.#decided[kind].set(0, { id: 0, name: null, to: 0, by: 'number' });
  }

  get isIdentity(): boolean {
    return this.#isIdentity;
  }

  get hasNames(): boolean {
    return this.#hasNames;
  }

  /** Why names may be missing, at the source and on this host, for people. */
  get problems(): string[] {
    return [...this.#problems];
  }

  /** Whether some owner in the listing's names cannot be mapped. It counts only once an entry of that owner is met. */
  get hasRefused(): boolean {
    return this.#refused.user.size + this.#refused.group.size > 0;
  }

  learnNoNames(): void {
    this.#hasNames = false;
    this.#isIdentity = !this.#options.rules.some(({ rule }) => /^\d+$/.test(rule.name));
  }

  /** The first call has the owners of the roots themselves. */
  async learn({ users, groups, trouble }: OwnerNames): Promise<void> {
    if (trouble !== undefined) this.#problems.add(`the source could not look up all names of owners: ${trouble}`);
    const isSure = trouble === undefined;
    await Promise.all([this.#learn('user', users, isSure), this.#learn('group', groups, isSure)]);
    if (this.#isHeader)
      for (const kind of ['user', 'group'] as const) for (const one of this.#refused[kind].values()) this.#met.add(one);
    this.#isHeader = false;
  }

  toLocal(owner: Owner): Owner | undefined {
    const known = this.#local.get(owner.uid)?.get(owner.gid);
    if (known) return known;
    const [uid, gid] = [this.#localId('user', owner.uid), this.#localId('group', owner.gid)];
    if (uid === undefined || gid === undefined) return undefined;
    const here = { uid, gid };
    this.#keep(owner, here);
    const refused = [this.#refused.user.get(owner.uid), this.#refused.group.get(owner.gid)].filter(
      (one) => one !== undefined,
    );
    if (refused.length > 0) this.#refusedOf.set(here, refused);
    return here;
  }

  /** Keeps one object for all entries of an owner, up to more pairs than an honest source has. */
  #keep({ uid, gid }: Owner, here: Owner): void {
    if (this.#kept++ === MAX_KEPT) {
      this.#local.clear();
      this.#kept = 1;
    }
    const byGroup = this.#local.get(uid) ?? new Map<number, Owner>();
    this.#local.set(uid, byGroup.set(gid, here));
  }

  /** Notes an owner from `toLocal` of an entry that takes part. */
  meet(owner: Owner | undefined): void {
    for (const one of (owner && this.#refusedOf.get(owner)) ?? []) this.#met.add(one);
  }

  /** The refused owners among those that were met. */
  refused(): Refused[] {
    return [...this.#met];
  }

  /** The mapped owners, ascending by their number at the source, without root. */
  mapped(kind: AccountKind): MappedOwner[] {
    return [...this.#decided[kind].values()].filter(({ id }) => id !== 0).sort((a, b) => a.id - b.id);
  }

  /** An owner of this host as `user:group`: by names looked up before and those in /etc, else by number. */
  readonly named = ({ uid, gid }: Owner): string => `${this.#localName('user', uid)}:${this.#localName('group', gid)}`;

  /** Rules that matched no owner. */
  unmatched(): ResolvedRule[] {
    return this.#options.rules.filter((rule) => !this.#matched.has(rule));
  }

  #localName(kind: AccountKind, id: number): string {
    const known = this.#names[kind].get(id);
    if (known !== undefined) return known;
    this.#files ??= readAccounts();
    const { users, groups } = this.#files;
    const found = kind === 'user' ? users.find(({ uid }) => uid === id) : groups.find(({ gid }) => gid === id);
    const name = found?.name ?? `${id}`;
    this.#names[kind].set(id, name);
    return name;
  }

  #localId(kind: AccountKind, id: number): number | undefined {
    const decided = this.#decided[kind].get(id);
    if (decided) return decided.to;
    if (this.#refused[kind].has(id)) return id;
    if (this.#hasNames) return undefined;
    return this.#decide(kind, id, null, this.#byRule(kind, id, null) ?? { to: id, by: 'number' });
  }

  /** `isSure`: a number without a name in the listing has none at the source. */
  async #learn(kind: AccountKind, sent: ReadonlyMap<number, string | null>, isSure: boolean): Promise<void> {
    const byName: [id: number, name: string | null][] = [];
    for (const [id, name] of sent) {
      const ruled = this.#byRule(kind, id, name);
      if (ruled) this.#decide(kind, id, name, ruled);
      else if (id === OVERFLOW_ID)
        this.#refuse(kind, id, name, 'is what every owner that is not mapped in a user namespace looks like');
      else byName.push([id, name]);
    }
    const ids = await this.#idsOf(
      kind,
      byName.flatMap(([, name]) => name ?? []),
    );
    const nameless: typeof byName = [];
    for (const [id, name] of byName) {
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
      else if (this.#isUnsure) this.#refuse(kind, id, name, 'may be an account here: the lookup was not answered');
      else if (other === undefined) this.#decide(kind, id, name, { to: id, by: 'number' });
      else this.#refuse(kind, id, name, `is nobody here by name, and ${id} is ${printable(other)} here`);
    }
  }

  async #idsOf(kind: AccountKind, names: string[]): Promise<ReadonlyMap<string, number>> {
    const { ids, problem } = await this.#options.accounts.idsOf(DATABASE[kind], [...new Set(names)]);
    if (problem !== undefined) this.#noteUnsure(problem);
    return ids;
  }

  async #namesOf(kind: AccountKind, ids: number[]): Promise<ReadonlyMap<number, string>> {
    const { names, problem } = await this.#options.accounts.namesOf(DATABASE[kind], ids);
    if (problem !== undefined) this.#noteUnsure(problem);
    return names;
  }

  #noteUnsure(problem: string): void {
    this.#isUnsure = true;
    this.#problems.add(`not all names of owners could be looked up here: ${problem}`);
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
    else if (!this.#options.canGiveTo(kind, to))
      this.#refuse(kind, id, name, `would be ${to} here, which is not mapped in the user namespace that lm runs in`);
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
  /** Undefined for a rule that names no account of this kind. */
  to: number | undefined;
  by: MappedOwner['by'];
  target?: string | number;
}

/** The same blocks; the map notes the owners in them that it cannot map. */
export async function* watchForOwners(blocks: AsyncIterable<ListedBlock>, map: OwnerMap): AsyncGenerator<ListedBlock> {
  for await (const listed of blocks)
    yield {
      line: listed.line,
      block() {
        const block = listed.block();
        if (block && map.hasRefused) for (const { kind, owner } of block.entries) if (kind !== 'other') map.meet(owner);
        return block;
      },
      takeIfSame: (walked, owners) => !map.hasRefused && listed.takeIfSame?.(walked, owners) === true,
    };
}
