// --post-check: the operator's own command looks at what was copied or verified, and what it finds is kept.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { until } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { readTree } from '../support/tree.js';

interface PostChecked {
  exitCode: number;
  message: string;
  next: string;
  report: { postCheck?: { command: string; exitCode: number | null; signal: string | null; lastLines: string[] } };
}

const summaryOf = (stdout: string): PostChecked => jsonLines(stdout).at(-1) as unknown as PostChecked;

/** The post-check records of a destination's only instance. */
function recordsOf(host: Host, name: string): Record<string, unknown>[] {
  const text = readFileSync(join(host.stateDir, name, 'journal.jsonl'), 'utf8');
  return jsonLines(text).filter(
    ({ type }) => type === 'post-check' || type === 'copy-ended' || type === 'verify-ended',
  );
}

async function migration() {
  const { source, destination } = sandbox();
  const from = source.write('srv', { a: 'a', b: 'bb' });
  const agent = await source.serve([from]);
  const to = destination.path('srv');
  const copy = (...args: string[]) => ['copy', agent.url, to, '--instance', 'one', ...args];
  return { source, destination, from, to, copy };
}

describe('after a copy', () => {
  test('it is told of the copy, runs once the threshold is reached, and again by itself after verify', async () => {
    const { destination, to, copy } = await migration();
    const out = destination.path('out');
    const command = `echo "$LM_ROOTS $LM_ITERATION $LM_THRESHOLD $LM_SOURCE" >> ${out}; cat "$LM_ROOTS/b"`;
    const copied = await destination.lm(copy('--post-check', command));
    expect(copied).toMatchObject({ code: 0 });
    expect(copied.stdout).toMatch(/^ {2}post-check +exit code 0 after /m);
    expect(readFileSync(out, 'utf8')).toBe(`${to} 1 1 127.0.0.1\n`);
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
    expect(readFileSync(out, 'utf8')).toBe(`${to} 1 1 127.0.0.1\n${to} 0 1 127.0.0.1\n`);
    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
  });

  test('one that fails ends 6 with its last lines; the copy stays a copy, but is not completed', async () => {
    const { destination, from, to, copy } = await migration();
    const command = 'yes flooded | head -n 200000; echo why >&2; exit 3';
    const failed = await destination.lm(copy('--post-check', command, '--json'));
    expect(failed.code).toBe(6);
    const { message, report, next } = summaryOf(failed.stdout);
    expect(message).toBe(
      `100 % of the bytes match, 100 % was asked for; but the post-check ended with exit code 3: ${command}`,
    );
    expect(report.postCheck).toMatchObject({ command, exitCode: 3, signal: null });
    expect(report.postCheck!.lastLines).toContain('why');
    expect(report.postCheck!.lastLines.length).toBeLessThanOrEqual(10);
    expect(next).toContain('lm verify');
    expect(await readTree(to)).toEqual(await readTree(from));
    expect(recordsOf(destination, 'one')).toMatchObject([
      { type: 'copy-ended', exitCode: 0, final: true },
      { type: 'post-check', command },
      { type: 'post-check', check: { exitCode: 3 } },
    ]);

    const verified = await destination.lm(['verify', '--post-check', 'kill -9 $$']);
    expect(verified.code).toBe(6);
    expect(verified.stdout).toMatch(/the post-check ended with signal SIGKILL: kill -9 \$\$$/m);
    const refused = await destination.lm(['complete']);
    expect(refused).toMatchObject({ code: 6 });
    expect(refused.stderr).toContain('the post-check has not succeeded: it ended with signal SIGKILL: kill -9 $$');
    expect(await destination.lm(['verify', '--post-check', 'true'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
  });

  test('a signal ends it and what it has started; the copy is kept, and completing waits for the check', async () => {
    const { destination, copy } = await migration();
    const pid = destination.path('pid');
    const command = `sleep 600 & echo $! > ${pid}.new; mv ${pid}.new ${pid}; wait`;
    const running = destination.start(copy('--post-check', command));
    await until(() => existsSync(pid));
    running.kill('SIGINT');
    const stopped = await running.done;
    expect(stopped).toMatchObject({ code: 130 });
    expect(stopped.stderr).toContain('warning: the copy has succeeded and is recorded; its post-check did not end');
    await until(() => !existsSync(`/proc/${readFileSync(pid, 'utf8').trim()}/task`));
    expect(recordsOf(destination, 'one')).toMatchObject([
      { type: 'copy-ended', exitCode: 0 },
      { type: 'post-check', command },
    ]);
    expect(await destination.lm(['verify', '--post-check', 'true'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
  });

  test('it runs neither in a dry run, which says so, nor where the sides differ', async () => {
    const { destination, to, copy } = await migration();
    const touched = destination.path('touched');
    const check = ['--post-check', `touch ${touched}`];
    expect(await destination.lm(copy())).toMatchObject({ code: 0 });
    const dry = await destination.lm(['copy', '--dry-run', ...check]);
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.stdout).toContain(`the post-check is not run, as this is a dry run: touch ${touched}`);
    destination.write('srv', { a: 'b' });
    expect(await destination.lm(['verify', ...check])).toMatchObject({ code: 4 });
    expect(existsSync(touched)).toBe(false);
    expect(existsSync(to)).toBe(true);
  });

  test('the settings file may name it, and lm config show tells so', async () => {
    const { destination, copy } = await migration();
    destination.write('etc', { 'lm.yaml': 'post_check: "true"\n' });
    const config = ['--config', destination.path('etc', 'lm.yaml')];
    expect(await destination.lm(copy(...config))).toMatchObject({ code: 0 });
    const shown = await destination.lm(['config', 'show', '--json']);
    expect(jsonLines(shown.stdout)).toContainEqual(
      expect.objectContaining({ name: 'post-check', value: 'true', source: 'remembered' }),
    );
  });
});
