// The operator's rules about owners with the numbers of those whom they name here. Knows nothing of the source.

import { LmError, printable } from '../errors.js';
import type { AccountNames } from '../owners/account-names.js';
import { type AccountKind, type NameRule, ownerRuleText } from '../owners/owner-rules.js';

export interface ResolvedRule {
  rule: NameRule;
  /** Undefined where it is not about users, or there is none of this name here. */
  user: number | undefined;
  group: number | undefined;
}

/** Throws `usage` for a name that nobody has here. */
export async function resolveRules(rules: readonly NameRule[], accounts: AccountNames): Promise<ResolvedRule[]> {
  const names = rules.flatMap(({ to }) => (typeof to === 'string' ? to : []));
  const [{ ids: users, trouble }, { ids: groups, trouble: also }] = await Promise.all([
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
      throw new LmError('usage', `--owner ${printable(ownerRuleText(rule))}: ${nobody(rule)}`, {
        ...((trouble ?? also) !== undefined && { hint: `not all names could be looked up: ${trouble ?? also}` }),
      });
    return { rule, user, group };
  });
}

const nobody = ({ kind, to }: NameRule): string =>
  kind === undefined
    ? `there is neither a user nor a group ${printable(`${to}`)} here`
    : `there is no ${kind} ${printable(`${to}`)} here`;
