import { describe, expect, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import { createDelta, type DeltaCounts, reportDelta } from '../../src/transfer/delta.js';

const MIB = 2 ** 20;
const MIB_PER_S = MIB / 1000;

/** What is decided after 64 MiB of comparison at a speed, of which a share differed, with a line of another. */
function decided(policy: 'auto' | 'always' | 'never', comparing: number, differing: number, line: number | undefined) {
  const delta = createDelta(policy, () => (line === undefined ? undefined : line * MIB_PER_S));
  delta.note({ length: 64 * MIB }, 64 * MIB * differing, (64 * 1000) / comparing);
  return delta.compares();
}

describe('an older version here is compared', () => {
  test.each<[string, boolean, Parameters<typeof decided>]>([
    ['over a slow line', true, ['auto', 400, 0, 100]],
    ['over a line that is slower, but not if most of it differs', false, ['auto', 400, 0.9, 100]],
    ['if a tenth of it differs', true, ['auto', 400, 0.1, 100]],
    ['not over a line that is faster', false, ['auto', 400, 0, 1_000]],
    ['as long as nothing is known of the line', true, ['auto', 1, 1, undefined]],
    ['always, if told so', true, ['always', 1, 1, 1_000]],
    ['never, if told so', false, ['never', 400, 0, 1]],
  ])('%s', (_, expected, facts) => expect(decided(...facts)).toBe(expected));

  test('for a first sample, whatever the line', () => {
    const delta = createDelta('auto', () => 1_000 * MIB_PER_S);
    expect(delta.compares()).toBe(true);
    delta.note({ length: 15 * MIB }, 15 * MIB, 10_000);
    expect(delta.compares()).toBe(true);
    delta.note({ length: MIB }, MIB, 1_000);
    expect(delta.compares()).toBe(false);
  });
});

test('what was decided is said and counted, unless there was nothing to decide', () => {
  const pass: { delta?: DeltaCounts } = {};
  const said: string[] = [];
  const emit = (event: Event): void => void said.push('text' in event ? event.text : event.type);
  const delta = createDelta('auto', () => undefined);
  reportDelta(delta, pass, emit);
  expect([pass, said]).toEqual([{}, []]);
  delta.note({ length: 64 * MIB }, MIB, 1);
  delta.counts.whole += 3 * MIB;
  reportDelta(delta, pass, emit);
  expect(pass.delta).toEqual({ cloned: 0, compared: 64 * MIB, differing: MIB, whole: 3 * MIB });
  expect(said).toEqual([
    'delta auto: 64.0 MiB compared with older versions here, 1.0 MiB differed; ' +
      '3.0 MiB fetched whole, as the line is faster than a comparison',
  ]);
});
