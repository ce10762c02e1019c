import { expect, test } from '@jest/globals';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { commandsIn, labelsIn, readReadme, tourIn, tourOf, withTour } from './tour.js';

/** Some runs have none of them: what changes while it is read is chance. */
const BY_CHANCE = ['  changed', '  vanished', 'removed'];

longTest('the tour of README.md is that of today, but for figures: npm run tour writes it anew', async () => {
  const { code, stdout } = await sandbox().source.lm(['demo']);
  expect(code).toBe(0);
  const [told, now] = [tourIn(readReadme()), tourOf(stdout)];
  expect(commandsIn(told)).toEqual(commandsIn(now));
  const labels = (tour: string): string[] => [...labelsIn(tour)].filter((label) => !BY_CHANCE.includes(label)).sort();
  expect(labels(told)).toEqual(labels(now));
  expect(labels(told).length).toBeGreaterThan(20);
});

test('what is written into README.md is what is read from it, and nothing else of it changes', () => {
  const readme = readReadme();
  const other = withTour(readme, 'source$ lm serve\n');
  expect(tourIn(other)).toBe('source$ lm serve\n');
  expect(withTour(other, tourIn(readme))).toBe(readme);
});

test('a tour has no line that README.md could not show, and no path of the host', () => {
  const path = '/tmp/lm-demo-Ab12Cd/source';
  const long = `excluded ${'x'.repeat(200)}`;
  const output = `source$ cat lm.yaml\n# the agent of the source\nserving ${path}/data, data=${path}/data\n${long}\n\n# start the service on the destination\n`;
  const tour = tourOf(output);
  expect(tour).toBe(
    `# the agent of the source\nserving /srv/source/data, data=/srv/source/data\n${long.slice(0, 139)}…\n`,
  );
});
