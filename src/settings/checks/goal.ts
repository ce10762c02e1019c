// What a copy goes on until: a share of matching bytes, a final pass that would be short enough, or both.

import { LmError } from '../../errors.js';
import { find, type Layers, label, pick } from '../layers.js';
import type { CopySettings } from '../settings.js';

/**
 * A threshold of 1.0 is the final pass itself, so it and --max-downtime exclude each other: of two that come from different places the
 * stronger holds, so that a settings file may have one for all copies but the last. Throws `usage` when one place states both.
 */
export function goalOf(layers: Layers): Pick<CopySettings, 'threshold' | 'maxDowntimeMs'> {
  const threshold = pick(layers, 'threshold');
  const maxDowntimeMs = pick(layers, 'max-downtime');
  if (maxDowntimeMs === undefined) return { threshold, maxDowntimeMs };
  const [ofDowntime, ofThreshold] = (['max-downtime', 'threshold'] as const).map((name) =>
    layers.findIndex((layer) => layer.has(name)),
  ) as [number, number];
  if (ofThreshold < 0) return { threshold: 0, maxDowntimeMs };
  if (threshold < 1) return { threshold, maxDowntimeMs };
  if (ofThreshold < ofDowntime) return { threshold, maxDowntimeMs: undefined };
  if (ofThreshold > ofDowntime) return { threshold: 0, maxDowntimeMs };
  const [one, other] = [find(layers, 'max-downtime')!, find(layers, 'threshold')!];
  throw new LmError(
    'settings-conflict',
    `${label('max-downtime', one.origin)} and ${label('threshold', other.origin)} exclude each other: 1.0 is the final pass, and no forecast of it`,
    { hint: 'a threshold below 1.0 may stand beside it: then both have to be met' },
  );
}
