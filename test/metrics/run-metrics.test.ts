import { expect, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import { RunMetrics } from '../../src/metrics/run-metrics.js';

const progress = (bytesDone: number): Event => ({
  ...{ type: 'progress', iteration: 0, doing: 'download' },
  ...{ bytesDone, bytesTotal: 100, filesDone: 0, filesTotal: 1 },
});

const RETRIED: Event = { type: 'retried', what: 'a range', attempt: 1, waitMs: 1_000, reason: 'ECONNREFUSED' };

test.each<[string, Event[], number]>([
  ['that has not failed', [progress(1)], 0],
  ['that is waited for, though progress is told all the time', [progress(1), RETRIED, progress(1)], 1],
  ['that sends again', [progress(1), RETRIED, progress(2)], 0],
  ['that was lost for long, and answers', [RETRIED, { type: 'recovered', forMs: 9_000 }], 0],
  ['that was lost in a phase before', [RETRIED, { type: 'phase', iteration: 1, state: 'LISTING' }], 0],
])('lm_source_lost of a source %s', (_, events, lost) => {
  const metrics = new RunMetrics({
    ...{ command: 'copy', migration: 'one', threshold: 1, limitRate: undefined, lastSuccessMs: undefined },
    speed: () => undefined,
  });
  for (const event of events) metrics.listen(event);
  const read = () =>
    metrics
      .families()
      .find(({ name }) => name === 'lm_source_lost')!
      .read();
  expect(read()).toEqual([[{ migration: 'one', command: 'copy' }, lost]]);
  metrics.end(5);
  expect(read()).toEqual([[{ migration: 'one', command: 'copy' }, 0]]);
});
