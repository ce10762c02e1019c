// How long the final pass would take: what passes say of it, the copy that ends by it, and what came of it.

import { expect, test } from '@jest/globals';
import type { Downtime } from '../../src/report/downtime.js';
import type { Forecast } from '../../src/report/forecast.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file } from '../support/tree.js';

const MIB = 2 ** 20;

async function json(host: Host, args: string[], code = 0) {
  const done = await host.lm([...args, '--json']);
  expect({ ...done, code: done.code }).toMatchObject({ code });
  return jsonLines(done.stdout);
}

const forecastsIn = (lines: Record<string, unknown>[]) =>
  lines.filter(({ type }) => type === 'forecast') as unknown as { iteration: number; forecast: Forecast }[];

test('--max-downtime ends a copy by its forecast, once a pass has shown how fast the line is', async () => {
  const { source, destination } = sandbox();
  const from = source.write('srv', { ks: dir({ big: file({ size: 12 * MIB, seed: 1 }), small: 'x' }), other: 'o' });
  const agent = await source.serve([from]);
  const copy = ['copy', agent.url, destination.path('srv')];
  const lines = await json(destination, [...copy, '--max-downtime', '1h']);
  const [made, ...more] = forecastsIn(lines);
  expect(more).toEqual([]);
  expect(made).toMatchObject({
    iteration: 1,
    forecast: { fetch: { entries: 0, bytes: 0 }, read: { bytes: 12 * MIB + 2 } },
  });
  const { parts, copyMs, verifyMs } = made!.forecast;
  expect(parts.reduce((sum, { ms }) => sum + ms, 0)).toBe(copyMs + verifyMs);
  const summary = lines.at(-1) as unknown as { message: string; report: { status: { forecast?: Forecast }[] } };
  expect(summary.message).toMatch(/^100 % of the bytes match; the final pass .* take about .* s, at most 1h00m was/);
  expect(summary.report.status.map(({ forecast }) => forecast)).toEqual([undefined, made!.forecast]);

  source.write('srv', { ks: dir({ more: file({ size: 3 * MIB, seed: 2 }) }) });
  const looked = await json(destination, ['copy', '--dry-run', '--max-downtime', '1h']);
  expect(forecastsIn(looked)).toMatchObject([{ forecast: { fetch: { bytes: 3 * MIB } } }]);
  const short = await destination.lm(['copy', '--max-downtime', '1ms']);
  expect(short).toMatchObject({ code: 3 });
  expect(short.stdout).toMatch(/^forecast: (converging|flat|diverging): 0 B in 0 entries changed in /m);
  expect(short.stdout).toMatch(
    /^copy: 100 % of the bytes match; the final pass .*, at most 0\.0 s was asked for; what was copied is/m,
  );

  const { stdout } = await destination.lm(['status']);
  expect(stdout).toMatch(
    /^ +if stopped +if you stop the source now, the final pass and its verification take about .* s \(by the pass of 20/m,
  );
  const [line] = await json(destination, ['status']);
  expect(line).toMatchObject({ forecast: { downtimeMs: expect.any(Number), read: { bytes: 15 * MIB + 2 } } });
});

longTest('what was forecast is kept with what came of it, and the report has both', async () => {
  const { source, destination } = sandbox();
  const from = source.write('srv', { ks: dir({ big: file({ size: 12 * MIB, seed: 1 }) }) });
  await settled(from);
  const agent = await source.serve([from]);
  await json(destination, ['copy', agent.url, destination.path('srv'), '--threshold', '0.9']);
  await json(destination, ['verify', '--incremental', '--live']);
  source.write('srv', { ks: dir({ more: file({ size: 2 * MIB, seed: 2 }) }) });
  await settled(from);
  const live = await json(destination, ['copy', '--max-downtime', '1h']);
  const { forecast } = forecastsIn(live).at(-1)!;
  expect(forecast.read).toEqual(forecast.fetch); // what the live verification has read is not read again

  const final = (await json(destination, ['copy'])).at(-1)!['downtime'] as Downtime;
  const { atMs, copyMs, verifyMs } = forecast;
  const tookCopyMs = expect.any(Number);
  expect(final.forecast).toEqual({ atMs, copyMs, verifyMs, tookCopyMs });
  await json(destination, ['verify']); // a full one is not what was forecast
  const verified = (await json(destination, ['verify', '--incremental'])).at(-1)!['downtime'] as Downtime;
  expect(verified.forecast).toEqual({ ...final.forecast, tookVerifyMs: expect.any(Number) });
  const report = (await json(destination, ['report'])).at(-1)!['report'] as { downtime: Downtime };
  expect(report.downtime.forecast).toEqual(verified.forecast);
  const text = (await destination.lm(['report'])).stdout;
  expect(text).toMatch(/^ {2}forecast +final copy .*, verification .*, said 20.*Z; took .* and .*$/m);
  expect(text).toMatch(/^ {2}pass 2\.0 +SUCCESS, .* of downtime forecast$/m);
});

longTest('from pass to pass: the change, its rate and where it was', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('srv', { ks: dir({ big: file({ size: 64 * MIB, seed: 1 }) }), quiet: dir({ x: 'x' }) });
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { stallAfter: 20 * MIB });
  const copying = destination.start(['copy', between.url, destination.path('srv'), '--max-downtime', '1h', '--json']);
  await between.stalled;
  source.write('srv', { ks: dir({ added: file({ size: 5 * MIB, seed: 3 }) }) });
  between.cut();
  const { code, stdout } = await copying.done;
  expect(code).toBe(0);
  const [made] = forecastsIn(jsonLines(stdout));
  expect(made!.forecast.change).toMatchObject({
    trend: expect.stringMatching(/^(converging|flat)$/),
    changed: { bytes: 5 * MIB },
    subtrees: [{ key: 'data/0/ks', bytes: 5 * MIB }],
  });
});
