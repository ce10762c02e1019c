// examples/ansible, run for real: several hosts on this machine, each with its own address, directories and records.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, jest, test } from '@jest/globals';
import { freePort } from '../support/free-port.js';
import { BIN } from '../support/lm.js';
import { type Host, type Sandbox, sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file, readTree } from '../support/tree.js';

const HAS_ANSIBLE = spawnSync('ansible-playbook', ['--version']).error === undefined;
const isTested = process.env['CI'] !== undefined || HAS_ANSIBLE ? test : test.skip;

jest.setTimeout(1_800_000); // five plays of a minute each, and a playbook takes a process for each task of each host

const EXAMPLE = fileURLToPath(new URL('../../examples/ansible/', import.meta.url));

const PAIRS = [
  { name: '1b', replica_set: 1, rack: 'b' },
  { name: '2b', replica_set: 2, rack: 'b' },
  { name: '1a', replica_set: 1, rack: 'a' },
  { name: '2a', replica_set: 2, rack: 'a' },
];

interface Outcome {
  status: number | null;
  stdout: string;
}

interface Site {
  oldHost(pair: string): Host;
  newHost(pair: string): Host;
  /** What was done to the services, in order: `stopped 1a`, `started 1a`. */
  events(): string[];
  play(...args: string[]): Promise<Outcome>;
  inventory: { all: { vars: object; children: Record<string, { hosts: Record<string, object> }> } };
}

/** Four old hosts whose services run, and four new ones; `atStop` is what else happens when a service is stopped, as shell commands. */
async function site(box: Sandbox, atStop: (pair: string) => string = () => ':'): Promise<Site> {
  const [oldHost, newHost] = [(pair: string) => box.host(`old-${pair}`), (pair: string) => box.host(`new-${pair}`)];
  const log = join(box.dir, 'events');
  writeFileSync(log, '');
  mkdirSync(join(box.dir, 'bin'));
  symlinkSync(BIN, join(box.dir, 'bin/lm'));
  const program = join(box.dir, 'bin/lm');
  const port = await freePort();
  const children = {
    sources: { hosts: {} as Record<string, object> },
    destinations: { hosts: {} as Record<string, object> },
  };
  for (const [i, { name, ...of }] of PAIRS.entries()) {
    const [from, to] = [oldHost(name), newHost(name)];
    const data = from.write('data', {
      ks: dir({ small: `of ${name}`, big: file({ size: 9_000_000, seed: i + 1 }), empty: '' }),
      live: '',
    });
    const service = await startService(join(data, 'live'));
    box.defer(service.stop);
    const agent = agentScript(from, program, name);
    box.defer(() => spawnSync(agent, ['stop']));
    const own = (host: Host, lm_address: string) => ({
      ...{ lm_address, lm_etc: host.path('etc'), lm_state_dir: host.stateDir, lm_roots: { data: host.path('data') } },
    });
    children.sources.hosts[`old-${name}`] = own(from, `127.0.1.${i + 1}`);
    children.destinations.hosts[name] = {
      ...own(to, `127.0.2.${i + 1}`),
      ...{ ...of, lm_source: `old-${name}` },
      lm_agent_start: `${agent} start`,
      lm_agent_stop: `${agent} stop`,
      lm_stop: `kill ${service.pid} 2>&-; echo stopped ${name} >> ${log}; ${atStop(name)}`,
      lm_start: `echo started ${name} >> ${log}`,
    };
  }
  const vars = {
    ansible_async_dir: join(box.dir, 'async'),
    ...{ ansible_connection: 'local', ansible_python_interpreter: '{{ ansible_playbook_python }}' },
    ...{ lm_command: program, lm_token: 'a-token-of-sixteen-or-more', lm_port: port, lm_units: false },
    ...{ lm_poll: 1, lm_retries: 2, lm_retry_delay: 1 },
  };
  const inventory = { all: { vars, children } };
  const path = join(box.dir, 'inventory.json');
  return {
    ...{ oldHost, newHost, inventory },
    events: () => readFileSync(log, 'utf8').trim().split('\n'),
    play(...args) {
      writeFileSync(path, JSON.stringify(inventory));
      return playbook(box.dir, ['-i', path, ...args]);
    },
  };
}

/** It holds `path` open for writing until it is killed. */
async function startService(path: string): Promise<{ pid: number; stop(): Promise<unknown> }> {
  const child = spawn('/bin/sh', ['-c', `exec 3>>'${path}'; echo ready; exec sleep 600`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return { pid: child.pid!, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** What systemd does on a real host: `start` returns at once and may be said twice, `stop` when it has ended. */
function agentScript(host: Host, program: string, instance: string): string {
  const [path, pid] = [host.path('agent'), host.path('agent.pid')];
  const start = `LM_CONFIG=${host.path('etc', `${instance}.yaml`)} setsid ${program} serve --instance ${instance}`;
  writeFileSync(
    path,
    `#!/bin/sh
running() { [ -s ${pid} ] && kill -0 "$(cat ${pid})" 2>&-; }
case $1 in
  start) running || { ${start} > ${host.path('agent.log')} 2>&1 < /dev/null & echo $! > ${pid}; } ;;
  stop) if running; then kill "$(cat ${pid})"; while running; do sleep 0.1; done; fi; rm -f ${pid} ;;
esac
`,
  );
  chmodSync(path, 0o755);
  return path;
}

async function playbook(home: string, args: string[]): Promise<Outcome> {
  const config = join(home, 'ansible.cfg'); // without one that of this host would do
  writeFileSync(config, '[defaults]\n');
  const env = {
    ...{ PATH: process.env['PATH'], HOME: home, LANG: 'C.UTF-8' },
    ...{ ANSIBLE_NOCOLOR: '1', PYTHONDONTWRITEBYTECODE: '1', ANSIBLE_CONFIG: config },
  };
  const child = spawn('ansible-playbook', [join(EXAMPLE, 'move.yml'), ...args], { env, cwd: home });
  let stdout = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout };
}

const treesOf = async (hosts: Host[]) =>
  Promise.all(hosts.map(({ dir: path }) => readTree(path, { directoryTimes: true })));

isTested(
  'all pairs move, one rack after the other; a check before that writes nothing, and another run changes nothing',
  async () => {
    const box = sandbox();
    const all = await site(box);
    const [olds, news] = [PAIRS.map(({ name }) => all.oldHost(name)), PAIRS.map(({ name }) => all.newHost(name))];
    expect(await all.play('--check')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('nothing can be compared yet'),
    });
    expect(news.some((host) => existsSync(host.path('etc')))).toBe(false);

    expect(await all.play('--tags', 'prepare')).toMatchObject({ status: 0 });
    const before = await treesOf(news);
    const checked = await all.play('--check');
    expect(checked).toMatchObject({ status: 0, stdout: expect.stringMatching(/below the threshold|downloaded/) });
    expect(await treesOf(news)).toEqual(before);
    expect(all.events()).toEqual(['']);

    await settled(...olds.map((host) => host.path('data')));
    expect(await all.play()).toMatchObject({ status: 0 });
    for (const { name } of PAIRS)
      expect(await readTree(all.newHost(name).path('data'))).toEqual(await readTree(all.oldHost(name).path('data')));
    const events = all.events();
    expect(events.slice(0, 4).sort()).toEqual(['started 1a', 'started 2a', 'stopped 1a', 'stopped 2a']);
    expect(events.slice(4).sort()).toEqual(['started 1b', 'started 2b', 'stopped 1b', 'stopped 2b']);
    const known = await all.oldHost('1b').lm(['instances']);
    expect(known.stdout).toContain('complete since');

    const again = await all.play();
    expect(again).toMatchObject({ status: 0 });
    expect(again.stdout).not.toMatch(/changed=[1-9]/);
    expect(
      all
        .events()
        .slice(8)
        .some((event) => event.startsWith('stopped')),
    ).toBe(false);
  },
);

isTested(
  'after a verification that fails, its wave comes to its end and no further one is begun; mended, the rest moves',
  async () => {
    const box = sandbox();
    const big = box.host('new-1a').path('data/ks/big');
    const all = await site(box, (pair) => (pair === '1a' ? damage(big, join(box.dir, 'stamp')) : ':'));
    await settled(...PAIRS.map(({ name }) => all.oldHost(name).path('data')));

    const failed = await all.play();
    expect(failed.status).not.toBe(0);
    expect(failed.stdout).toMatch(
      /Verify \(exit code 4: the two sides differ, do not start the service on the new host\)/,
    );
    expect(all.events().sort()).toEqual(['started 2a', 'stopped 1a', 'stopped 2a']);
    expect(await readTree(all.newHost('2a').path('data'))).toEqual(await readTree(all.oldHost('2a').path('data')));
    for (const name of ['1b', '2b']) expect(existsSync(all.newHost(name).path('etc'))).toBe(false);

    const config = ['--config', all.newHost('1a').path('etc/1a.yaml')];
    expect(await all.newHost('1a').lm(['verify', '--repair', ...config])).toMatchObject({ code: 0 });
    expect(await all.play()).toMatchObject({ status: 0 });
    for (const { name } of PAIRS)
      expect(await readTree(all.newHost(name).path('data'))).toEqual(await readTree(all.oldHost(name).path('data')));
  },
);

/** Shell commands that damage a file as a bad disk does, once: two bytes, and size and times stay. `stamp` is a file of their own. */
const damage = (path: string, stamp: string): string =>
  `[ -e ${stamp} ] || { touch -r ${path} ${stamp}; printf '\\377\\376' | dd of=${path} bs=1 seek=5000 conv=notrunc 2>&-; ` +
  `touch -r ${stamp} ${path}; }`;

isTested('no wave is begun while a host of the one before it cannot be reached', async () => {
  const box = sandbox();
  const all = await site(box);
  const ssh = join(box.dir, 'ssh');
  writeFileSync(ssh, '#!/bin/sh\nexit 255\n', { mode: 0o755 });
  const unreachable = { ansible_connection: 'ssh', ansible_ssh_executable: ssh };
  Object.assign(all.inventory.all.children['destinations']!.hosts['1a']!, unreachable);
  const { status, stdout } = await all.play('--tags', 'prepare');
  expect(status).not.toBe(0);
  expect(stdout).toContain('not begun, because of 1a');
  expect(existsSync(all.newHost('2a').path('etc/2a.yaml'))).toBe(true);
  expect(existsSync(all.oldHost('1b').path('etc'))).toBe(false);
});

isTested('a part of a wave, and a pair of which nothing says beside which it may move, are refused', async () => {
  const all = await site(sandbox());
  const limited = await all.play('--limit', 'localhost,1a,1b');
  expect(limited).toMatchObject({ status: 2, stdout: expect.stringContaining('would move together') });
  const { hosts } = all.inventory.all.children['destinations']!;
  hosts['1b'] = { ...hosts['1b'], replica_set: '' };
  const stated = await all.play();
  expect(stated.status).not.toBe(0);
  expect(stated.stdout).toContain('1b has no replica_set in the inventory');
  for (const { name } of PAIRS) expect(existsSync(all.oldHost(name).path('etc'))).toBe(false);
});
