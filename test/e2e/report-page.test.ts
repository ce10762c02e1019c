// The page of `lm report --html`, opened in a browser: it asks for nothing, complains of nothing, fits a phone, and its figures are those
// that another program works out from the evidence.

import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { openPage } from '../support/browser.js';
import { jsonLines } from '../support/lm.js';
import { reportedMigration } from '../support/reported-migration.js';

/** On CI they fail where a tool is missing: .ci/run installs both. */
const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const isTested = process.env['CI'] !== undefined || (has('chromium') && has('python3'));

const RECOMPUTE = join(dirname(fileURLToPath(import.meta.url)), '../support/evidence_figures.py');

interface Recomputed {
  figures: Record<string, [value: number, text: string]>;
  /** The number of samples of each pass that has any. */
  points: number[];
}

const SHOWN = `Object.fromEntries([...document.querySelectorAll('data[data-figure]')].map((one) =>
  [one.dataset.figure, [Number(one.value), one.textContent]]))`;
const POINTS = `[...document.querySelectorAll('svg[aria-label^="bytes over time"] polyline')].map((one) => Number(one.dataset.points))`;
/** Elements that reach beyond the window, or whose text does. */
const TOO_WIDE = `[...document.querySelectorAll('body *')].filter((one) =>
  one.getBoundingClientRect().right > innerWidth + 0.5 && getComputedStyle(one).position !== 'absolute' && !one.closest('thead')
).map((one) => one.outerHTML.slice(0, 200))`;

(isTested ? describe : describe.skip)('the page (needs chromium and python3)', () => {
  test('is whole, says what was done, and fits every window', async () => {
    const { destination } = await reportedMigration();
    expect(await destination.lm(['reset'])).toMatchObject({ code: 0 });
    const file = destination.path('report.html');
    expect(await destination.lm(['report', '--html', file])).toMatchObject({ code: 0 });
    const { stdout } = await destination.lm(['report', '--json']);
    const { report } = jsonLines(stdout).at(-1) as unknown as { report: { file: string } };
    const recomputed = JSON.parse(
      execFileSync('python3', [RECOMPUTE, report.file], { encoding: 'utf8' }),
    ) as Recomputed;

    const url = String(pathToFileURL(file));
    const page = await openPage(url);
    try {
      expect(await page.evaluate(SHOWN)).toEqual(recomputed.figures);
      expect(await page.evaluate(POINTS)).toEqual(recomputed.points);
      expect(await page.evaluate(`document.querySelector('[data-figure=standing]').textContent`)).toBe(
        'complete, records reset',
      );
      expect(await page.evaluate('document.body.innerText')).toContain('data/0/ks/odd/new\\nline');
      expect(await page.evaluate('document.scripts.length')).toBe(0);
      for (const width of [320, 360, 412, 768, 1280]) {
        await page.resize(width, 900);
        expect({ width, scrolls: await page.evaluate('document.documentElement.scrollWidth') }).toEqual({
          width,
          scrolls: width,
        });
        expect(await page.evaluate(TOO_WIDE)).toEqual([]);
      }
      const ground = 'getComputedStyle(document.body).backgroundColor';
      const grounds: string[] = [];
      for (const [media, color] of [
        ['screen', 'light'],
        ['screen', 'dark'],
        ['print', 'dark'],
      ] as const) {
        await page.emulate(media, color);
        grounds.push(await page.evaluate(ground));
      }
      expect(grounds).toEqual(['rgb(246, 247, 249)', 'rgb(16, 21, 28)', 'rgb(255, 255, 255)']);
      expect(page.requests.filter((one) => one !== 'data:,')).toEqual([url]);
      expect(page.complaints).toEqual([]);
    } finally {
      await page.close();
    }
  });
});
