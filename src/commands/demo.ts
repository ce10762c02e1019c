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
import { commonSettings } from '../settings/resolve.js';
import type { Stated } from '../settings/stated.js';
import { createTables, type Service, startService } from './demo-service.js';

const BIN = fileURLToPath(new URL('../../bin/lm.js', import.meta.url));

/** One side of the migration: a directory that holds its settings, its state and its data. */
interface Host {
  name: 'source' | 'destination';
  dir: string;
  data: string;
  commitlog: string;
}

/** A command that ends otherwise than it should ends the demo with its exit code, or with 1 if it ought to have refused. */
export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = commonSettings(stated);
  const renderer = createRenderer({ ...settings, ...io });
  const stage = new Stage(renderer, settings.json, io);
  try {
    const exitCode = await migrate(stage);
    const closing = exitCode === EXIT.ok ? 'nothing was lost, and nothing is left behind' : 'the last command failed';
    renderer.say('summary', { exitCode }, ['', `demo: ${closing}`]);
    return exitCode;
  } finally {
    await stage.close();
    renderer.close();
  }
}

interface Act {
  says: () => string;
  first?: () => void;
  commands: [host: Host, args: string[], expected?: number][];
}

async function migrate(stage: Stage): Promise<number> {
  const source = stage.host('source');
  const destination = stage.host('destination');
  createTables(source.data, source.commitlog);
  stage.tell('the agent of the source, whose service goes on writing');
  const url = await stage.serve(source);
  const service = stage.live(source);

  for (const { says, first, commands } of plot(source, destination, url, service)) {
    first?.();
    stage.tell(says());
    for (const [host, args, expected = EXIT.ok] of commands) {
      const code = await stage.lm(host, args);
      if (code !== expected) return code || EXIT.bug;
      if (code !== EXIT.ok) stage.tell(`exit code ${code}, as it should be`);
    }
  }
  return EXIT.ok;
}

/** As README tells it. */
const plot = (source: Host, destination: Host, url: string, service: Service): Act[] => [
  {
    says: () => 'copy while the source is written to; repeat at will',
    commands: [[destination, ['copy', url, '--threshold', '0.95']]],
  },
  {
    says: () => `stop the service, which made ${service.changes()} changes meanwhile; then the final pass`,
    first: () => service.stop(),
    commands: [[destination, ['copy', '--threshold', '1.0']]],
  },
  {
    says: () => 'prove it',
    commands: [[destination, ['verify', '--algo', 'xxhash32']]],
  },
  {
    says: () => 'complete on both hosts: nothing can be copied by mistake any more',
    commands: [
      [destination, ['complete']],
      [source, ['complete']],
      [destination, ['copy'], EXIT.refused],
    ],
  },
  {
    says: () => 'start the service on the destination, and forget the migration',
    commands: [
      [destination, ['reset']],
      [source, ['reset']],
    ],
  },
];

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
    const lines = [
      'roots:',
      `  data: ${host.data}`,
      `  commitlog: ${host.commitlog}`,
      `state_dir: ${join(dir, 'state')}`,
    ];
    writeFileSync(join(dir, 'lm.yaml'), `${lines.join('\n')}\n`);
    this.#renderer.say('settings', { host: name, lines }, [`${name}$ cat lm.yaml`, ...lines]);
    return host;
  }

  live(host: Host): Service {
    this.#service = startService(host.data, host.commitlog);
    return this.#service;
  }

  tell(text: string): void {
    this.#renderer.say('step', { text }, ['', `# ${text}`]);
  }

  /** Runs a command to its end, showing what it says; resolves to its exit code. */
  async lm(host: Host, args: string[]): Promise<number> {
    const code = await this.#start(host, args).ended;
    this.#io.signal.throwIfAborted();
    return code ?? EXIT.bug;
  }

  /** Starts the agent; resolves to its URL. */
  serve(host: Host): Promise<string> {
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
