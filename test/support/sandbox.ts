// Two hosts in one temporary directory, each with its own home, state and settings. Removes everything after the test, processes too.

import { existsSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from '@jest/globals';
import { endKept } from './kept-processes.js';
import { type Agent, type Finished, type LmOptions, type Running, startAgent, startLm } from './lm.js';
import { type BadNetwork, type ProxyOptions, startProxy } from './proxy.js';
import { removeTree, type Tree, writeTree } from './tree.js';

export interface Host {
  dir: string;
  home: string;
  stateDir: string;
  /** A path on this host: `host.path('data')`. */
  path(...names: string[]): string;
  write(name: string, tree: Tree): string;
  lm(args: string[], options?: LmOptions): Promise<Finished>;
  start(args: string[], options?: LmOptions): Running;
  serve(args: string[], options?: LmOptions & { ownToken?: boolean }): Promise<Agent>;
}

export interface Sandbox {
  dir: string;
  source: Host;
  destination: Host;
  host(name: string): Host;
  /** A bad network in front of `target`. */
  proxy(target: string, options?: ProxyOptions): Promise<BadNetwork>;
  /** Runs `cleanup` when the test is over; the last one added runs first. */
  defer(cleanup: () => unknown): void;
}

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
});

afterAll(endKept);

/** One per test, in `parent`; cleaned up after it. */
export function sandbox(parent = tmpdir()): Sandbox {
  const dir = realpathSync(mkdtempSync(join(parent, 'lm-test-')));
  cleanups.push(() => removeTree(dir));
  const defer = (cleanup: () => unknown) => void cleanups.push(cleanup);
  const host = (name: string) => makeHost(join(dir, name), defer);
  const proxy: Sandbox['proxy'] = async (target, options = {}) => {
    const started = await startProxy(target, options);
    defer(() => started.stop());
    return started;
  };
  return { dir, source: host('source'), destination: host('destination'), host, proxy, defer };
}

/** Ends it in an orderly way, so that another command can use its process; after a timeout at once. */
async function endAgent({ process, stop }: Agent): Promise<void> {
  const impatience = setTimeout(() => process.kill('SIGKILL'), 500);
  await stop();
  clearTimeout(impatience);
}

function makeHost(dir: string, defer: Sandbox['defer']): Host {
  const home = join(dir, 'home');
  const stateDir = join(dir, 'state');
  mkdirSync(home, { recursive: true });
  /** The path of its lm.yaml: root does not read it by itself. */
  const named = (): Record<string, string> =>
    existsSync(join(dir, 'lm.yaml')) ? { LM_CONFIG: join(dir, 'lm.yaml') } : {};
  const own = (options: LmOptions = {}): LmOptions => ({
    cwd: dir,
    kept: true,
    ...options,
    env: { HOME: home, LM_STATE_DIR: stateDir, ...named(), ...options.env },
  });
  const start = (args: string[], options?: LmOptions) => {
    const running = startLm(args, own(options));
    defer(() => {
      running.kill('SIGKILL');
      return running.done;
    });
    return running;
  };
  return {
    dir,
    home,
    stateDir,
    path: (...names) => join(dir, ...names),
    write(name, tree) {
      writeTree(join(dir, name), tree);
      return join(dir, name);
    },
    lm: (args, options) => start(args, options).done,
    start,
    async serve(args, { ownToken = false, ...options } = {}) {
      const agent = await startAgent(args, { ...own(options), ownToken });
      defer(() => endAgent(agent));
      return agent;
    },
  };
}
