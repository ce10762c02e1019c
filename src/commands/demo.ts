// `lm demo`: a whole migration on this machine, in seconds, by the commands an operator would type. Touches nothing outside
// a temporary directory, which it removes.

import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LmError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import type { Renderer } from '../render/renderer.js';
import { createRenderer } from '../render/renderer.js';
import type { CommonSettings } from '../settings.js';
import { createTables, type Service, startService } from './demo-service.js';

const BIN = fileURLToPath(new URL('../../bin/lm.js', import.meta.url));

/** One side of the migration: a directory that holds its settings, its state and its data. */
interface Host {
  name: 'source' | 'destination';
  dir: string;
  data: string;
  commitlog: string;
}

/** Resolves to 0 when every step ended as it should, else to 1. */
export async function demo(settings: CommonSettings, io: Io): Promise<number> {
  const renderer = createRenderer({ ...settings, ...io });
  const stage = new Stage(renderer, settings.json, io);
  try {
    await migration(stage);
    renderer.say('summary', {}, ['', 'demo: done; nothing was lost, and nothing is left behind']);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof LmError && error.code !== 'interrupted' && error.code !== 'terminated') {
      renderer.fail(error, EXIT.bug);
      return EXIT.bug;
    }
    throw error;
  } finally {
    await stage.close();
    renderer.close();
  }
}

/** The plot, as README tells it. */
async function migration(stage: Stage): Promise<void> {
  const source = stage.host('source');
  const destination = stage.host('destination');
  createTables(source.data, source.commitlog);

  stage.tell('a source with about 80 MB of tables, and its agent');
  const url = await stage.serve(source);
  const service = stage.live(source);

  stage.tell('copy while the source is written to; repeat at will');
  await stage.lm(destination, ['copy', url, '--threshold', '0.95'], EXIT.ok);

  stage.tell(`stop the service (it made ${service.changes()} changes meanwhile), then the final pass`);
  service.stop();
  await stage.lm(destination, ['copy', '--threshold', '1.0'], EXIT.ok);

  stage.tell('prove it');
  await stage.lm(destination, ['verify', '--algo', 'xxhash32'], EXIT.ok);

  stage.tell('complete on both hosts: nothing can be copied by mistake any more');
  await stage.lm(destination, ['complete'], EXIT.ok);
  await stage.lm(source, ['complete'], EXIT.ok);
  await stage.lm(destination, ['copy'], EXIT.refused);

  stage.tell('the service runs on the destination now; forget the migration');
  await stage.lm(destination, ['reset'], EXIT.ok);
  await stage.lm(source, ['reset'], EXIT.ok);
}

/** Where the demo plays: its directory, its processes and its service, all of which end with it. */
class Stage {
  readonly #dir = realpathSync(mkdtempSync(join(tmpdir(), 'lm-demo-')));
  readonly #children = new Set<ChildProcess>();
  readonly #renderer: Renderer;
  readonly #json: boolean;
  readonly #io: Io;
  #service: Service | undefined;

  constructor(renderer: Renderer, json: boolean, io: Io) {
    this.#renderer = renderer;
    this.#json = json;
    this.#io = io;
  }

  host(name: Host['name']): Host {
    const dir = join(this.#dir, name);
    const host = { name, dir, data: join(dir, 'data'), commitlog: join(dir, 'commitlog') };
    for (const path of [host.data, host.commitlog]) mkdirSync(path, { recursive: true });
    const settings = `roots:\n  - data=${host.data}\n  - commitlog=${host.commitlog}\nstate_dir: ${join(dir, 'state')}\n`;
    writeFileSync(join(dir, 'lm.yaml'), settings);
    this.#renderer.say('settings', { host: name, settings }, [`${name}$ cat lm.yaml`, settings.trimEnd()]);
    return host;
  }

  live(host: Host): Service {
    this.#service = startService(host.data, host.commitlog);
    return this.#service;
  }

  tell(text: string): void {
    this.#renderer.say('step', { text }, ['', `# ${text}`]);
  }

  /** Runs a command to its end, showing what it says; any exit code but the expected one ends the demo. */
  async lm(host: Host, args: string[], expected: number): Promise<void> {
    const { ended } = this.#start(host, args);
    const code = await ended;
    this.#io.signal.throwIfAborted();
    if (code !== expected)
      throw new LmError('source', `lm ${args[0]} on the ${host.name} ended with ${code} instead of ${expected}`);
    if (code !== EXIT.ok) this.#renderer.say('expected', { exitCode: code }, [`(exit code ${code}, as it should be)`]);
  }

  /** Starts the agent; resolves to its URL. */
  serve(host: Host): Promise<string> {
    return new Promise((resolve, reject) => {
      const { ended } = this.#start(host, ['serve', '--listen', '127.0.0.1:0'], (line) => {
        const url = /https?:\/\/[^\s"]+/.exec(line)?.[0];
        if (url) resolve(url);
      });
      ended.then((code) => reject(new LmError('source', `lm serve ended with ${code} before it was ready`)), reject);
    });
  }

  /** Ends what still runs, by its own process ids, and removes the directory. */
  async close(): Promise<void> {
    this.#service?.stop();
    const gone = [...this.#children].map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of this.#children) child.kill('SIGTERM');
    await Promise.all(gone);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #start(host: Host, args: string[], onLine: (line: string) => void = () => {}): { ended: Promise<number | null> } {
    this.#renderer.say('command', { host: host.name, args }, [`${host.name}$ lm ${args.join(' ')}`]);
    const child = fork(BIN, this.#json ? [...args, '--json'] : args, {
      cwd: host.dir,
      env: withoutSettings(this.#io.env),
      silent: true,
      signal: this.#io.signal,
    });
    this.#children.add(child);
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', (line) => {
        onLine(line);
        this.#renderer.say('output', { host: host.name, line }, [line]);
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

/** The operator's own settings have no part in the demo. */
const withoutSettings = (env: Io['env']): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('LM_')));
