// Formats a migration that this host has records of as a line for people.

import type { Completion } from '../../state/completion.js';
import { type Instance, rootsText } from '../../state/instance.js';
import { holderText, type LockHolder } from '../../state/lock/lock-holder.js';

interface Shown {
  completion: Completion;
  used: boolean;
  holders: readonly LockHolder[];
}

/** `width`: the length of the longest name. */
export function instanceText({ name, role, roots }: Instance, shown: Shown, width: number): string {
  const { completion, used, holders } = shown;
  const state =
    completion.state === 'COMPLETED'
      ? `complete since ${new Date(completion.endTime!).toISOString()}`
      : used
        ? 'not complete'
        : 'nothing has come of it';
  const running = holders.length === 0 ? '' : `, in use by ${holders.map(holderText).join(' and ')}`;
  return `${name.padEnd(width)}  ${role.padEnd('destination'.length)}  ${rootsText(roots)}: ${state}${running}`;
}
