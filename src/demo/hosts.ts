// Sets up the two hosts of `lm demo` in a temporary directory, runs commands on them, and shows their output. At the end it ends its
// processes and removes the directory.

import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LmError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { removeTree } from '../files/if-there.js';
import { makeTemporaryDir } from '../files/temporary-dir.js';
import type { Io } from '../io.js';
import type { Renderer } from '../render/renderer.js';
import { programFile } from '../threads/own-files.js';

/** One side of the migration: a directory that holds its settings, its state and its data. */
export interface DemoHost {
  name: 'source' | 'destination';
  dir: string;
  data: string;
  commitlog: string;
}

/** Must be closed when the demo is over, however it ended. */
export class DemoHosts {
  readonly #dir = realpathSync(makeTemporaryDir('lm-demo-'));
  readonly #children = new Set<ChildProcess>();
  readonly #renderer: Renderer;
  readonly #json: boolean;
  readonly #io: Io;

  constructor(renderer: Renderer, json: boolean, io: Io) {
    this.#renderer = renderer;
    this.#json = json;
    this.#io = io;
  }

  /** `more` are further lines of its settings. */
  host(name: DemoHost['name'], more: string[]): DemoHost {
    const dir = join(this.#dir, name);
    const host = { name, dir, data: join(dir, 'data'), commitlog: join(dir, 'commitlog') };
    for (const path of [host.data, host.commitlog]) mkdirSync(path, { recursive: true });
    const roots = ['roots:', `  data: ${host.data}`, `  commitlog: ${host.commitlog}`];
    const lines = [...roots, `state_dir: ${join(dir, 'state')}`, ...more];
    writeFileSync(join(dir, 'lm.yaml'), `${lines.join('\n')}\n`);
    this.#renderer.print('settings', { host: name, lines }, [`${name}$ cat lm.yaml`, ...lines]);
    return host;
  }

  announce(text: string): void {
    this.#renderer.print('step', { text }, ['', `# ${text}`]);
  }

  /** Runs a command to its end, and shows its output; resolves to its exit code. */
  async run(host: DemoHost, args: string[]): Promise<number> {
    const code = await this.#start(host, args).ended;
    this.#io.signal.throwIfAborted();
    return code ?? EXIT.bug;
  }

  /** Starts the agent; resolves to its URL. */
  serve(host: DemoHost): Promise<string> {
    return new Promise((resolve, reject) => {
      const { ended } = this.#start(host, ['serve', '--listen', '127.0.0.1:0'], (line) => {
        const url = /https?:\/\/[^\s"]+/.exec(line)?.[0];
        if (url) resolve(url);
      });
      ended.then((code) => {
        const early = new LmError('source', `the agent ended with ${code} before it was ready`);
        reject(this.#io.signal.aborted ? this.#io.signal.reason : early);
      }, reject);
    });
  }

  /** Ends the child processes that still run, and removes the directory. */
  async close(): Promise<void> {
    const gone = [...this.#children].map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of this.#children) child.kill('SIGTERM');
    await Promise.all(gone);
    removeTree(this.#dir);
  }

  #start(host: DemoHost, args: string[], onLine: (line: string) => void = () => {}): { ended: Promise<number | null> } {
    this.#renderer.print('command', { host: host.name, args }, [`${host.name}$ lm ${args.join(' ')}`]);
    const child = fork(fileURLToPath(programFile()), this.#json ? [...args, '--json'] : args, {
      cwd: host.dir,
      env: { ...withoutSettings(this.#io.env), LM_CONFIG: join(host.dir, 'lm.yaml') }, // root does not read ./lm.yaml by itself
      silent: true,
      signal: this.#io.signal,
    });
    this.#children.add(child);
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', (line) => {
        onLine(line);
        this.#renderer.print('output', { host: host.name, line }, [line]);
      });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('close', (code) => {
        this.#children.delete(child);
        resolve(code);
      });
      child.once('error', (error) => (error.name === 'AbortError' ? resolve(null) : reject(error)));
    });
    return { ended };
  }
}

/** The demo must not use the operator's own settings. */
const withoutSettings = (env: Io['env']): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('LM_')));
