// Reports which settings file a command uses. Runs always report it, other commands with --verbose.

import { printable } from '../errors.js';
import type { Emit } from '../events.js';
import type { CommonSettings } from './settings.js';

export function reportSettingsFile({ file }: Pick<CommonSettings, 'file'>, emit: Emit): void {
  if (file !== undefined) emit({ type: 'settings', text: `settings from ${printable(file)}` });
}
