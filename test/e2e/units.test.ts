// examples/systemd: what systemd-analyze says of the units, and the program with their command lines, capabilities and mounts.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { IS_ROOT, OTHER_USER, SOMEBODY } from '../support/as-user.js';
import { freePort } from '../support/free-port.js';
import { until } from '../support/holders.js';
import { BIN } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { canStartSystemd, type Systemd, startSystemd } from '../support/systemd.js';
import { dir, file, readTree } from '../support/tree.js';

const UNITS = ['lm-serve@.service', 'lm-copy@.service'] as const;

const textOf = (unit: string): string =>
  readFileSync(fileURLToPath(new URL(`../../examples/systemd/${unit}`, import.meta.url)), 'utf8');

const HAS_SYSTEMD = spawnSync('systemd-analyze', ['--version']).error === undefined;
const inspected = process.env['CI'] !== undefined || HAS_SYSTEMD ? test : test.skip;

/** The unit of an instance whose name lm is found under here, in a directory of its own. */
function installed(unit: string, parent: string): string {
  const path = join(parent, unit.replace('@', '@one'));
  writeFileSync(path, textOf(unit).replaceAll('/usr/local/bin/lm', BIN));
  return path;
}

inspected.each(UNITS)('systemd-analyze verify has nothing to say of %s', (unit) => {
  const { stdout, stderr, status } = spawnSync(
    'systemd-analyze',
    ['verify', '--man=no', installed(unit, sandbox().dir)],
    {
      encoding: 'utf8',
    },
  );
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});

/** Exposure from 0 to 10; 9.6 is a service without any of it. */
inspected.each([
  ['lm-serve@.service', 3],
  ['lm-copy@.service', 4],
] as const)('systemd-analyze security: the exposure of %s is at most %i', (unit, most) => {
  const args = ['security', '--offline=true', '--no-pager', installed(unit, sandbox().dir)];
  const { stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  expect(Number(/Overall exposure level for .*: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(most);
});

const ONE_FILE = fileURLToPath(new URL('../../dist/lm.mjs', import.meta.url));

const [AGENT, COPY] = ['lm-serve@old.service', 'lm-copy@new.service'] as const;

/** With further lines of both units, and an instance each, on the two hosts of a sandbox that their PrivateTmp= does not hide. */
async function booted(atCopy = '', atServe = '') {
  const box = sandbox('/srv');
  const { source, destination, defer } = box;
  const etc = join(box.dir, 'etc');
  mkdirSync(etc, { mode: 0o700 });
  const logs = join(box.dir, 'logs');
  mkdirSync(logs);
  const port = await freePort();
  const config = (name: string, settings: object) =>
    writeFileSync(
      join(etc, `${name}.yaml`),
      JSON.stringify({ instance: name, state_dir: '/var/lib/lm', ...settings }),
      {
        mode: 0o600,
      },
    );
  const data = (host: Host) => ({ roots: { data: host.path('data') }, token_file: join(etc, 'token') });
  config('old', { listen: `127.0.0.1:${port}`, ...data(source) });
  config('new', { url: `http://127.0.0.1:${port}`, ...data(destination) });
  writeFileSync(join(etc, 'token'), 'a-token-of-sixteen-or-more\n', { mode: 0o600 });
  const program = join(box.dir, 'lm.mjs'); // beside the hosts: a checkout in /tmp is hidden too
  copyFileSync(ONE_FILE, program);
  const here = (text: string) =>
    text
      .replaceAll('/usr/local/bin/lm', program)
      .replaceAll('/etc/lm/', `${etc}/`)
      .replace('/var/lib/cassandra', destination.dir);
  const logged = (unit: string, more: string) =>
    `${here(textOf(unit))}\n[Service]\nStandardOutput=append:${logs}/%i\nStandardError=inherit\n${more}\n`;
  const units = {
    'lm-serve@.service': logged('lm-serve@.service', atServe),
    'lm-copy@.service': logged('lm-copy@.service', atCopy),
  };
  const systemd = await startSystemd(box.dir, units, [AGENT, COPY]);
  defer(systemd.stop);
  const lm = (name: string, ...args: string[]) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: source.home, LM_CONFIG: join(etc, `${name}.yaml`) };
    return systemd.run(env, process.execPath, BIN, ...args);
  };
  return { ...box, systemd, etc, lm, log: (name: string) => readFileSync(join(logs, name), 'utf8') };
}

const hasSystemd = IS_ROOT && (process.env['CI'] !== undefined || canStartSystemd()) ? longTest : test.skip;

describe('run by systemd', () => {
  const state = (systemd: Systemd, unit: string) =>
    ['ActiveState', 'SubState', 'Result', 'ExecMainStatus'].map((name) => systemd.show(unit, name)).join(' ');
  const ended = (systemd: Systemd) => until(() => !state(systemd, COPY).startsWith('activ'));
  const LISTENS = /^serving /m;

  /** Of another user, with modes that only he, and whoever has the capabilities, can pass. */
  function dataOf(host: Host): string {
    const root = host.write('data', { ks: dir({ a: 'a', shared: dir({ b: 'b' }) }), c: 'c' });
    for (const [at, mode] of [
      ['ks/a', 0o600],
      ['c', 0o640],
      ['ks/shared/b', 0o400],
      ['ks/shared', 0o2750],
      ['ks', 0o700],
      ['', 0o700],
    ] as const) {
      chownSync(join(root, at), SOMEBODY, SOMEBODY + 1);
      chmodSync(join(root, at), mode);
    }
    return root;
  }

  hasSystemd('a migration: both units, a reload, and the last commands by hand', async () => {
    const { systemd, source, destination, lm, log } = await booted();
    const from = dataOf(source);
    expect(systemd.systemctl('start', AGENT)).toMatchObject({ status: 0, stderr: '' });
    await until(() => LISTENS.test(log('old')));
    expect(systemd.systemctl('start', COPY)).toMatchObject({ status: 0, stderr: '' });
    await ended(systemd);
    expect({ state: state(systemd, COPY), log: log('new') }).toMatchObject({ state: 'inactive dead success 0' });
    expect(systemd.systemctl('reload', AGENT)).toMatchObject({ status: 0 });
    await until(() => /^read again \(SIGHUP\): token unchanged/m.test(log('old')));

    await settled(from);
    const asOther = `exec setpriv --reuid=${OTHER_USER} --clear-groups sleep 600`;
    const writer = systemd.start('sh', '-c', `exec 3>>'${from}/c'; echo $$; ${asOther}`);
    const [pid] = await once(writer.stdout!, 'data');
    expect(lm('new', 'copy', '--wait-for-writer', '0s')).toMatchObject({
      ...{ status: 6, stderr: expect.stringMatching(/sleep .*source\/data\/c/) },
    });
    systemd.run({}, '/bin/kill', `${pid}`.trim());
    await once(writer, 'exit');
    for (const command of ['copy', 'verify', 'complete']) expect(lm('new', command)).toMatchObject({ status: 0 });
    expect(lm('old', 'complete')).toMatchObject({ status: 0 });
    expect(await readTree(destination.path('data'))).toEqual(await readTree(from));
    for (const at of ['', 'ks', 'ks/a', 'ks/shared']) {
      const { uid, gid, mode } = statSync(join(from, at));
      expect(statSync(join(destination.path('data'), at))).toMatchObject({ uid, gid, mode });
    }
    expect(systemd.systemctl('stop', AGENT)).toMatchObject({ status: 0 });
    expect(state(systemd, AGENT)).toBe('inactive dead success 0');
    expect(`${log('old')}${log('new')}`).not.toMatch(/EPERM|not permitted/);
  });

  hasSystemd(
    'a copy is started again when the source cannot be reached, and not with a token that is refused',
    async () => {
      const { systemd, etc, source } = await booted('RestartSec=1\nEnvironment=LM_RETRY_FOR=0s');
      dataOf(source);
      expect(systemd.systemctl('start', COPY)).toMatchObject({ status: 0 });
      await until(() => Number(systemd.show(COPY, 'NRestarts')) > 1);
      expect(systemd.systemctl('start', AGENT)).toMatchObject({ status: 0 });
      await ended(systemd);
      expect(state(systemd, COPY)).toBe('inactive dead success 0');

      writeFileSync(join(etc, 'token'), 'another-token-than-that-of-the-agent', { mode: 0o600 });
      expect(systemd.systemctl('start', COPY)).toMatchObject({ status: 0 });
      await ended(systemd);
      expect(state(systemd, COPY)).toBe('failed failed exit-code 7');
    },
  );

  hasSystemd('what stops a copy is no failure, and it goes on; settings that others can write are one', async () => {
    const { systemd, etc, source, log } = await booted('', 'Environment=LM_LIMIT_RATE=1MiB/s');
    source.write('data', { big: file({ size: 60_000_000 }) });
    expect(systemd.systemctl('start', AGENT)).toMatchObject({ status: 0 });
    expect(systemd.systemctl('start', COPY)).toMatchObject({ status: 0 });
    await until(() => /DOWNLOADING/.test(log('new')));
    expect(systemd.systemctl('stop', COPY)).toMatchObject({ status: 0 });
    expect(state(systemd, COPY)).toBe('inactive dead success 143');

    chmodSync(join(etc, 'new.yaml'), 0o666);
    expect(systemd.systemctl('start', COPY)).toMatchObject({ status: 1 });
    expect(log('new')).toContain('can be written by everybody');
  });

  hasSystemd('the line of README.md for a copy that is to outlive its terminal, which can be given again', async () => {
    const { systemd, source, destination, etc, lm, log } = await booted();
    const from = dataOf(source);
    expect(systemd.systemctl('start', AGENT)).toMatchObject({ status: 0 });
    await until(() => LISTENS.test(log('old')));
    const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
    const [, stated] = /^dest\$ (systemd-run [^$]*(?:\$\w[^$]*)*? lm) copy /m.exec(readme)!;
    const line = stated!.replace(
      / lm$/,
      ` '${process.execPath}' '${BIN}' copy --config '${etc}/new.yaml' --threshold 0.95`,
    );
    const env = { PATH: process.env['PATH'] ?? '', HOME: destination.home };
    for (let times = 0; times < 2; times++) {
      const { status, stderr } = systemd.run(env, 'sh', '-c', `cd '${destination.dir}' && ${line}`);
      expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('lm-copy.service') });
      expect(lm('new', 'wait', '--until', 'converged', '--timeout', '2m')).toMatchObject({ status: 0 });
      await until(() => systemd.show('lm-copy.service', 'LoadState') === 'not-found'); // collected
    }
    expect(await readTree(destination.path('data'))).toEqual(await readTree(from));
  });
});
