// Files that state another size than they hold, as those of procfs, sysfs and some FUSE file systems do.

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { dir, readTree } from '../support/tree.js';

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot(
  'a file that states another size than it holds is named, never published, and never verified as equal',
  async () => {
    const { source, destination, defer } = sandbox();
    const from = source.write('data', { a: 'a', empty: '', ks: dir({ more: '', fewer: '', empty: '' }) });
    for (const [name, path] of [
      ['more', '/proc/version'],
      ['fewer', '/sys/kernel/uevent_seqnum'],
    ]) {
      execFileSync('mount', ['--bind', path!, `${from}/ks/${name}`]);
      defer(() => execFileSync('umount', [`${from}/ks/${name}`]));
    }
    const to = destination.write('data', {});
    const agent = await source.serve([from]);
    const copy = ['copy', agent.url, to, '--max-iterations', '1'];
    const named =
      /^failed {2}data\/0\/ks\/fewer: at the source: states 4096 bytes but holds \d+\nfailed {2}data\/0\/ks\/more: at the source: states 0 bytes but holds more$/m;

    expect(await destination.lm(copy)).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(named),
      stdout: expect.stringMatching(/^next: on the source, .*files_to_exclude/m),
    });
    expect(Object.keys(await readTree(to)).sort()).toEqual(['a', 'empty', 'ks', 'ks/empty'].sort());

    // As an earlier lm, or another tool, left them: alike in all that a listing tells.
    execFileSync('sh', [
      '-c',
      'for f in more fewer; do cp -p --attributes-only "$0/$f" "$1/$f"; done',
      `${from}/ks`,
      `${to}/ks`,
    ]);
    execFileSync('truncate', ['-s', '4096', `${to}/ks/fewer`]);
    execFileSync('sh', ['-c', 'for f in more fewer; do touch -r "$0/$f" "$1/$f"; done', `${from}/ks`, `${to}/ks`]);
    const { code, stdout } = await destination.lm(['verify']);
    expect(code).toBe(4);
    expect(stdout).toMatch(/unreadable-at-source {2}source states 4096 bytes but holds \d+: data\/0\/ks\/fewer$/m);
    expect(stdout).toMatch(/unreadable-at-source {2}source states 0 bytes but holds more: data\/0\/ks\/more$/m);
    rmSync(`${to}/ks/fewer`);
    expect(await destination.lm(copy)).toMatchObject({ code: 6, stderr: expect.stringMatching(named) });

    for (const [file, problem] of [
      ['more', /states 0 bytes but holds more/],
      ['fewer', /states 4096 bytes but holds fewer/],
    ] as const) {
      const answer = await fetch(`${agent.url}/api/v1/live-migration/files/data/0/ks/${file}`);
      expect([answer.status, await answer.text()]).toEqual([500, expect.stringMatching(problem)]);
    }
  },
);
