// Resolves the rules of `--owner` to the numbers of the accounts that they name on this host.

import { LmError, printable } from '../errors.js';
import type { AccountNames } from '../owners/account-names.js';
import { type AccountKind, type NameRule, ownerRuleText } from '../owners/owner-rules.js';

export interface ResolvedRule {
  rule: NameRule;
  /** Undefined where the rule is not for users, or this host has no user of this name. */
  user: number | undefined;
  group: number | undefined;
}

/** Throws `usage` for a name that no account of this host has. */
export async function resolveRules(rules: readonly NameRule[], accounts: AccountNames): Promise<ResolvedRule[]> {
  const names = rules.flatMap(({ to }) => (typeof to === 'string' ? to : []));
  const [{ ids: users, problem }, { ids: groups, problem: also }] = await Promise.all([
    accounts.idsOf('passwd', names),
    accounts.idsOf('group', names),
  ]);
  const idOf = ({ kind, to }: NameRule, as: AccountKind): number | undefined => {
    if ((kind ?? as) !== as) return undefined;
    return typeof to === 'number' ? to : (as === 'user' ? users : groups).get(to);
  };
  return rules.map((rule) => {
    const [user, group] = [idOf(rule, 'user'), idOf(rule, 'group')];
    if (user === undefined && group === undefined)
      throw new LmError('owner-rule', `--owner ${printable(ownerRuleText(rule))}: ${nobody(rule)}`, {
        ...((problem ?? also) !== undefined && { hint: `not all names could be looked up: ${problem ?? also}` }),
      });
    return { rule, user, group };
  });
}

const nobody = ({ kind, to }: NameRule): string =>
  kind === undefined
    ? `there is neither a user nor a group ${printable(`${to}`)} here`
    : `there is no ${kind} ${printable(`${to}`)} here`;
