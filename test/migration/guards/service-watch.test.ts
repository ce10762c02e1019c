import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { DirType } from '../../../src/files/entry.js';
import type { Root } from '../../../src/files/roots.js';
import { createServiceWatch, isCassandraTree } from '../../../src/migration/guards/service-watch.js';
import type { CopySettings } from '../../../src/settings/settings.js';

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }));
afterEach(() => void jest.useRealTimers());

test('stopping during a check leaves no timer that would keep the process alive', async () => {
  const settings = { allowRunning: true, guardPorts: [], without: [], preCheck: undefined } as unknown as CopySettings;
  const context = { env: {}, emit() {}, signal: new AbortController().signal, object() {} };
  const watch = createServiceWatch(settings, [], context);
  watch.start(() => {});
  jest.advanceTimersByTime(5_000); // a look has begun
  watch.stop();
  await new Promise(setImmediate); // and is over
  expect(jest.getTimerCount()).toBe(0);
});

test.each<[DirType[], string[], boolean]>([
  [['data'], [], false],
  [['data', 'data'], [], false],
  [['data', 'commitlog'], [], true],
  [['data'], ['commitlog', 'hints'], true],
])('roots of %j without %j belong to Cassandra: %j', (types, without, expected) => {
  const roots = types.map((type, index): Root => ({ key: `${type}/${index}`, type, index, path: `/${index}` }));
  expect(isCassandraTree({ cassandra: undefined, without } as unknown as CopySettings, roots)).toBe(expected);
});
