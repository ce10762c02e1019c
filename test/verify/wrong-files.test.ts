import { expect, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import { NOTHING_COUNTED, type VerifyReport } from '../../src/report/verify-report.js';
import { createRepairsReport } from '../../src/verify/repair/repairs-report.js';
import { createWrongFiles } from '../../src/verify/repair/wrong-files.js';
import { fileEntry } from '../support/entries.js';

test('more wrong files than one run repairs are counted, and told of', () => {
  const wrong = createWrongFiles('us', new Map());
  const [source, local] = [{ digest: 'a' }, { digest: 'b' }] as never[];
  for (let i = 0; i < 10_003; i++) {
    const entry = fileEntry(`f${i}`);
    const pair = { dir: 'data/0', source: entry, local: entry };
    wrong.compared(pair, { key: `data/0/f${i}`, equal: false, young: false, source: source!, local: local! });
  }
  expect([wrong.files.length, wrong.more]).toEqual([10_000, 3]);
  const report = { ...NOTHING_COUNTED, digestMismatches: 10_003 } as VerifyReport;
  const events: Event[] = [];
  const kept = createRepairsReport(
    report,
    (event) => void events.push(event),
    () => [],
  );
  kept.leaveOut(0);
  expect(report.repairs).toMatchObject({ notRepaired: 0 });
  expect(report.repairs).not.toHaveProperty('leftOut');
  kept.leaveOut(wrong.more);
  expect(report.repairs).toMatchObject({ notRepaired: 3, leftOut: 3 });
  expect(events).toMatchObject([{ type: 'warning', text: expect.stringMatching(/^3 more files are wrong here/) }]);
});
