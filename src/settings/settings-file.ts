// Says which settings file a command goes by: a run always, whoever only looks when asked to be verbose.

import { printable } from '../errors.js';
import type { Emit } from '../events.js';
import type { CommonSettings } from './settings.js';

export function tellSettingsFile({ file }: Pick<CommonSettings, 'file'>, emit: Emit): void {
  if (file !== undefined) emit({ type: 'settings', text: `settings from ${printable(file)}` });
}
