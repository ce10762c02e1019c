import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createServiceWatch } from '../../src/commands/service-watch.js';
import type { CopySettings } from '../../src/settings.js';

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }));
afterEach(() => void jest.useRealTimers());

test('stopping in the middle of a look leaves no timer that would keep the process alive', async () => {
  const settings = { allowRunning: true, guardPorts: [], preCheck: undefined } as unknown as CopySettings;
  const context = { env: {}, emit() {}, signal: new AbortController().signal };
  const watch = createServiceWatch(settings, [], context);
  watch.start(() => {});
  jest.advanceTimersByTime(5_000); // a look has begun
  watch.stop();
  await new Promise(setImmediate); // and is over
  expect(jest.getTimerCount()).toBe(0);
});
