// The scenarios, each as an operator would meet it. One connection and one thread: with more, the order of what they do is anybody's.

import {
  appendFileSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { kill } from 'node:process';
import { type Asked, type Deed, startHostileProxy } from '../faults/hostile-proxy.js';
import { flipBit } from '../support/flip-bit.js';
import type { Host } from '../support/sandbox.js';
import { dir, file, setMtime, type Tree } from '../support/tree.js';
import { ROUTES, requestText } from './routes.js';
import type { Stage } from './stage.js';
import { changeKinds, differ, KINDS_BEFORE, live, liveOn, MIB, TREE } from './trees.js';

const ALONE = ['--concurrency', '1'];
const LIVE = [...ALONE, '--threshold', '0.99999'];

export const SCENARIOS: Record<string, (stage: Stage) => Promise<void>> = {
  async 'first-copy'(stage) {
    await begin(stage, { data: { ...TREE, ks: dir({ t: dir({ file: 'file', snapshots: dir({ left: 'out' }) }) }) } });
    await stage.record(copy(stage, LIVE));
    stage.keepState('after a first copy');
    stage.keepState('while it serves', stage.source);
  },

  async repeat(stage) {
    await begin(stage, { data: TREE });
    await stage.play(copy(stage, LIVE));
    await change(stage, live);
    await stage.record(['copy']);
    await change(stage, liveOn);
    mkdirSync(stage.destination.path('backups'));
    await stage.record(['copy', '--backup-dir', stage.destination.path('backups')]);
    stage.keepState('after three copies');
  },

  async 'final-pass'(stage) {
    const log = 'CommitLog-7-1.log';
    await begin(stage, { data: TREE, commitlog: { [log]: 'segment' } }, ['--at-rest-check', 'true']);
    await stage.play([...copy(stage, LIVE), '--pre-check', 'true']);
    await change(stage, (at) => {
      live(at);
      const time = timeOf(stage.source.path('commitlog', log));
      writeFileSync(stage.source.path('commitlog', log), 'SEGMENT'); // through a mapping, which leaves the time as it was
      setMtime(stage.source.path('commitlog', log), time);
    });
    await stage.record(['copy', '--threshold', '1.0']);
    stage.keepState('after a final pass');
  },

  async 'kinds-changing'(stage) {
    await begin(stage, { data: KINDS_BEFORE });
    await stage.play(copy(stage, LIVE));
    await change(stage, changeKinds);
    await stage.record(['copy', '--max-delete', '100%']);
    stage.keepState('after a copy');
  },

  async refusals(stage) {
    const { source, destination } = stage;
    const token = (host: Host, text: string) => host.write('', { token: file({ content: `${text}\n`, mode: 0o600 }) });
    token(source, '0123456789abcdef0123456789abcdef');
    token(destination, 'another-token-of-sufficient-length');
    await begin(stage, { data: TREE }, ['--token-file', source.path('token')], true);
    const withToken = ['--token-file', destination.path('token')];
    await stage.record(copy(stage, LIVE));
    await stage.record([...copy(stage, LIVE), ...withToken]);
    token(destination, '0123456789abcdef0123456789abcdef');
    destination.write('data', { foreign: 'somebody’s' });
    await stage.record([...copy(stage, LIVE), ...withToken]);
    await stage.record(['complete']);
    rmSync(destination.path('data/foreign'));
    await stage.play([...copy(stage, LIVE), ...withToken]);
    await stage.record(['complete']);
    await stage.record(['reset']);

    const held = stage.recorder.hold(/^GET \/\S*files /, 1);
    const other = destination.start(['copy']);
    await held;
    stage.recorder.take();
    await stage.record(['copy']);
    other.kill('SIGKILL');
    await other.done;
    stage.recorder.take(); // on a busy machine it has asked again
    await change(stage, (at) => rmSync(`${at}/big`));
    await stage.record(['copy']);
    renameSync(source.path('data'), source.path('was'));
    source.write('data', {});
    await stage.record(['copy']);
    stage.keepState('after refusals');
  },

  async sparse(stage) {
    await begin(stage, {
      data: { big: file({ size: 9 * MIB, sparse: true }), small: file({ size: MIB, sparse: true }) },
    });
    await change(stage, (at) => {
      writePage(`${at}/big`, 4 * MIB - 4096);
      writePage(`${at}/small`, 8192);
    });
    await stage.record(copy(stage, LIVE));
    stage.keepState('after a copy of files with holes');
  },

  async 'dry-run'(stage) {
    await begin(stage, { data: TREE });
    await stage.record([...copy(stage, LIVE), '--dry-run']);
    stage.keepState('after a dry run');
    await stage.play(copy(stage, LIVE));
    await change(stage, live);
    await stage.record(['copy', '--dry-run', '--threshold', '1.0']);
  },

  async resume(stage) {
    await begin(stage, { data: { huge: file({ size: 9 * MIB }), small: 'small' } });
    const held = stage.recorder.hold(/^POST \/\S*fetch /, 2);
    const interrupt = async (): Promise<void> => {
      await held;
      kill(holderOf(stage.destination), 'SIGTERM'); // not the strace that it runs under
    };
    await stage.record(copy(stage, LIVE), { meanwhile: interrupt });
    stage.keepState('after an interruption');
    await stage.record(['copy']);
    stage.keepState('after it was gone on with');
  },

  /** A part of a file that is written to before the next copy. */
  async basis(stage) {
    await begin(stage, { data: { huge: file({ size: 9 * MIB }), small: 'small' } });
    const held = stage.recorder.hold(/^POST \/\S*fetch /, 2);
    const dying = stage.destination.start(copy(stage, LIVE));
    await held;
    dying.kill('SIGTERM');
    await dying.done;
    stage.recorder.take();
    await change(stage, (at) => {
      const fd = openSync(`${at}/huge`, 'r+');
      writeSync(fd, 'a page', 8192);
      closeSync(fd);
      appendFileSync(`${at}/huge`, 'more');
      setMtime(`${at}/huge`, 1_700_086_411_000_000_000n);
    });
    await stage.record(['copy']);
    stage.keepState('after a basis was gone on with');
  },

  /** A file that is written to between the reads of its ranges, and not after. */
  async torn(stage) {
    stage.destination.write('data', {});
    await stage.write(stage.source, { data: { huge: file({ size: 9 * MIB }), small: 'small' } });
    let fetches = 0;
    const until = (): Promise<void> =>
      change(stage, (at) => {
        writePage(`${at}/huge`, 8192); // which has been read
        setMtime(`${at}/huge`, 1_700_086_411_000_000_000n);
      });
    const instead = ({ request }: Asked): Deed | undefined =>
      request.endsWith('/fetch') && ++fetches === 2 ? { do: 'hold', at: 0, until } : undefined;
    const between = async (url: string): Promise<string> => {
      const proxy = await startHostileProxy(url, { instead });
      stage.box.defer(() => proxy.stop());
      return proxy.url;
    };
    await stage.serve(rootArgs(stage.source, ['data']), { between });
    await stage.record([...copy(stage, LIVE), '--max-iterations', '1']);
    await stage.record(['copy']);
    stage.keepState('after a torn read was finished');
  },

  async 'sidecar-source'(stage) {
    stage.destination.write('data', {});
    await stage.write(stage.source, { data: TREE });
    const between = async (url: string) => (await stage.box.proxy(url, { asSidecar: true })).url;
    await stage.serve([stage.source.path('data')], { between });
    await stage.record(copy(stage, LIVE));
    await change(stage, live);
    await stage.record(['copy', '--threshold', '1.0']);
    await stage.record(['verify', '--algo', 'md5']);
    stage.keepState('after copies from a Sidecar');
  },

  async repair(stage) {
    await begin(stage, { data: { huge: file({ size: 9 * MIB }), small: 'small' } });
    await stage.play(copy(stage, ALONE));
    for (const name of ['huge', 'small']) flipBit(stage.destination.path('data', name), 4);
    await stage.ripen(stage.destination, ['data']);
    await stage.record(['verify', ...ALONE, '--repair']);
    stage.keepState('after a repair');
  },

  async 'verify-with-differences'(stage) {
    await begin(stage, { data: TREE });
    await stage.play(copy(stage, ALONE));
    await stage.record(['verify', '--concurrency', '1']);
    const time = timeOf(stage.destination.path('data/small'));
    differ(stage.destination.path('data'));
    await stage.ripen(stage.destination, ['data']);
    setMtime(stage.destination.path('data/small'), time); // only its digest tells
    await stage.record(['verify', ...ALONE, '--algo', 'md5', '--report', stage.destination.path('report')]);
    stage.keepState('after a verification');
  },

  async 'complete-and-reset'(stage) {
    const { source } = stage;
    await begin(stage, { data: { dir: dir({ file: 'content' }) } });
    await stage.play(copy(stage, ALONE));
    await stage.play(['verify']);
    await stage.record(['complete']);
    stage.keepState('complete');
    await stage.record(['complete'], { on: source });
    stage.keepState('complete', source);
    await stage.record(['copy']);
    await stage.record(['status']);
    await stage.record(['reset']);
    stage.keepState('after a reset');
    await stage.record(copy(stage, ALONE));
    await stage.record(['reset'], { on: source });
    stage.keepState('after a reset', source);
  },

  async routes(stage) {
    await begin(stage, { data: TREE });
    const at = stage.source.path('data');
    for (const [title, asked] of Object.entries(ROUTES))
      await stage.ask(
        title,
        asked.map((one) => requestText(one, at)),
      );
  },
};

/** The source's trees with their agent, and the destination's directories, empty. */
async function begin(stage: Stage, trees: Record<string, Tree>, args: string[] = [], ownToken = false): Promise<void> {
  for (const name of Object.keys(trees)) stage.destination.write(name, {});
  await stage.write(stage.source, trees);
  await stage.serve([...rootArgs(stage.source, Object.keys(trees)), ...args], { ownToken });
}

const rootArgs = (host: Host, names: string[]): string[] =>
  names.flatMap((name) => ['--root', `${name}=${host.path(name)}`]);

/** The first one: those after it remember. */
const copy = (stage: Stage, args: string[]): string[] => [
  ...['copy', stage.url, ...args],
  ...rootArgs(
    stage.destination,
    ['data', 'commitlog'].filter((name) => existsSync(stage.source.path(name))),
  ),
];

async function change(stage: Stage, act: (at: string) => void): Promise<void> {
  act(stage.source.path('data'));
  await stage.ripen(stage.source, ['data']);
}

/** No byte of it is zero, so that it is written wherever the bytes on their way are cut. */
function writePage(path: string, at: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(4096, 'no hole '), 0, 4096, at);
  closeSync(fd);
}

const timeOf = (path: string): bigint => lstatSync(path, { bigint: true }).mtimeNs;

function holderOf({ stateDir }: Host): number {
  const [instance] = readdirSync(stateDir);
  return JSON.parse(readFileSync(`${stateDir}/${instance}/lock.json`, 'utf8')).pid;
}
