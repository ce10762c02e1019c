// Parses the rules of `--owner`: which owner of this host a name of the source becomes.

import { isAccountName, isUint32 } from './owner-names.js';

export type AccountKind = 'user' | 'group';

/** `numeric`: every number stays as it is. `names`: the default, which undoes a remembered rule. */
export type OwnerRule = 'numeric' | 'names' | NameRule;

export interface NameRule {
  /** Undefined: the rule is for the user and for the group with this name. */
  kind: AccountKind | undefined;
  /** The name at the source; digits mean the number of an account without a name. */
  name: string;
  /** A name of this host, or a number. */
  to: string | number;
}

const RULE = /^(?:(user|group):)?([^=]+)=([^=]+)$/;

/** Undefined for what is no rule. Root is always root, so a rule cannot be for root. */
export function parseOwnerRule(text: string): OwnerRule | undefined {
  if (text === 'numeric' || text === 'names') return text;
  const [, kind, name = '', to = ''] = RULE.exec(text) ?? [];
  if (!isAccountName(name) || !isAccountName(to) || isRootName(name)) return undefined;
  const id = /^\d+$/.test(to) ? Number(to) : undefined;
  if (id !== undefined && !isUint32(id)) return undefined;
  return { kind: kind as AccountKind | undefined, name, to: id ?? to };
}

export const isRootName = (name: string): boolean => name === 'root' || /^0+$/.test(name);

export const ownerRuleText = (rule: OwnerRule): string =>
  typeof rule === 'string' ? rule : `${rule.kind === undefined ? '' : `${rule.kind}:`}${rule.name}=${rule.to}`;

export const isNumeric = (rules: readonly OwnerRule[]): boolean => rules.includes('numeric');

export const nameRules = (rules: readonly OwnerRule[]): NameRule[] => rules.filter((rule) => typeof rule !== 'string');

/** Two rules that contradict each other; undefined where there are none. */
export function conflictIn(rules: readonly OwnerRule[]): [OwnerRule, OwnerRule] | undefined {
  for (const [i, one] of rules.entries())
    for (const other of rules.slice(i + 1)) {
      if (typeof one === 'string' || typeof other === 'string') return [one, other];
      if (one.name === other.name && (!one.kind || !other.kind || one.kind === other.kind)) return [one, other];
    }
  return undefined;
}
