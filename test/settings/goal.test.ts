// --threshold and --max-downtime: which of them a copy goes by.

import { expect, test } from '@jest/globals';
import { LmError } from '../../src/errors.js';
import { goalOf } from '../../src/settings/checks/goal.js';
import { type Layer, type Layers, read } from '../../src/settings/layers.js';

type Given = Partial<Record<'threshold' | 'max-downtime', string>>;

const layer = (given: Given, source: 'flag' | 'file', where: (name: string) => string): Layer =>
  new Map(
    (Object.entries(given) as [keyof Given, string][]).map(([name, text]) => [
      name,
      read(name, text, { source, where: where(name) }, '/'),
    ]),
  );

const goal = ({ flags = {}, file = {} }: { flags?: Given; file?: Given }) => {
  const none: Layer = new Map();
  const layers: Layers = [
    layer(flags, 'flag', (name) => `--${name}`),
    none,
    layer(file, 'file', () => 'lm.yaml:1'),
    none,
    none,
  ];
  return goalOf(layers);
};

test.each([
  ['nothing: the final pass', {}, 1, undefined],
  ['a threshold', { flags: { threshold: '0.9' } }, 0.9, undefined],
  ['a downtime alone', { flags: { 'max-downtime': '5m' } }, 0, 300_000],
  ['both: both have to be met', { flags: { 'max-downtime': '5m', threshold: '90%' } }, 0.9, 300_000],
  ['both, from two places', { flags: { 'max-downtime': '30s' }, file: { threshold: '0.95' } }, 0.95, 30_000],
  [
    'the final pass, though the file has a downtime',
    { flags: { threshold: '1.0' }, file: { 'max-downtime': '5m' } },
    1,
    undefined,
  ],
  [
    'a downtime, though the file has the final pass',
    { flags: { 'max-downtime': '5m' }, file: { threshold: '1.0' } },
    0,
    300_000,
  ],
] as const)('%s', (_, given, threshold, maxDowntimeMs) => expect(goal(given)).toEqual({ threshold, maxDowntimeMs }));

test.each(['flags', 'file'] as const)('the final pass and a downtime from one place are refused: %s', (from) => {
  const both = () => goal({ [from]: { threshold: '1.0', 'max-downtime': '5m' } });
  expect(both).toThrow(LmError);
  expect(both).toThrow(/max.downtime.* and .*threshold.* exclude each other: 1\.0 is the final pass/);
});
