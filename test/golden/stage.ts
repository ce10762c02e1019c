// Where a scenario is played: a source with its agent, a destination, and a recorder between them. What it records becomes the traces.

import { once } from 'node:events';
import { chownSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createXXHash64, type IHasher } from 'hash-wasm';
import { SOMEBODY } from '../support/as-user.js';
import type { Agent } from '../support/lm.js';
import { type Host, type Sandbox, sandbox } from '../support/sandbox.js';
import { setMtime, type Tree, writeTree } from '../support/tree.js';
import { callLines } from './calls.js';
import { eventLines } from './events.js';
import { createNames, type Names } from './names.js';
import { type Recorder, startRecorder } from './recorder.js';
import { stateLines } from './state.js';
import { HAS_STRACE, tracing } from './strace.js';
import { wireLines } from './wire.js';

export const KINDS = ['calls', 'events', 'wire', 'state'] as const;
export type Kind = (typeof KINDS)[number];

/** The text of each trace. */
export type Traces = Record<Kind, string>;

export interface Recording {
  /** Which host's `lm`; the destination's, when absent. */
  on?: Host;
  /** Runs beside the command. */
  meanwhile?(): Promise<void>;
}

export interface Serving {
  /** Stands between the agent, whose URL it is given, and the recorder. */
  between?(url: string): Promise<string>;
  /** `args` say which token is asked for. */
  ownToken?: boolean;
}

/** Longer than a file is called young after it was written: only what is older is told by its times. */
const RIPE_MS = 2_300;

/** Owned by nobody this host knows. */
const SOMEBODYS = 'data/private';

const DAY_S = 86_400;
const FIRST_DAY_S = 1_700_000_000;

export class Stage {
  readonly box: Sandbox;
  readonly source: Host;
  readonly destination: Host;
  agent!: Agent;
  recorder!: Recorder;
  readonly #names: Names;
  readonly #lines: Record<Kind, string[]> = { calls: [], events: [], wire: [], state: [] };
  #commands = 0;
  #days = 0;

  constructor(box: Sandbox = sandbox()) {
    this.box = box;
    this.source = box.source;
    this.destination = box.destination;
    this.#names = createNames(box.dir);
    this.#names.learn(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), 'BOOT');
  }

  get url(): string {
    return this.recorder.url;
  }

  /** Writes trees on a host, with times of their own that are old when this resolves. */
  async write(host: Host, trees: Record<string, Tree>): Promise<void> {
    for (const [name, tree] of Object.entries(trees)) writeTree(host.path(name), tree);
    if (existsSync(host.path(SOMEBODYS))) chownSync(host.path(SOMEBODYS), SOMEBODY, SOMEBODY);
    await this.ripen(host, Object.keys(trees));
  }

  /** Gives whatever was written lately below `names` times that are the same in every recording, and waits until it is not young. */
  async ripen(host: Host, names: string[]): Promise<void> {
    const day = this.#days++;
    for (const name of names) stamp(host.path(name), BigInt(FIRST_DAY_S + day * DAY_S));
    await pause(RIPE_MS); // what is waited for is the clock itself
  }

  /** An agent, and the recorder before it. */
  async serve(args: string[], { between = async (url) => url, ownToken = false }: Serving = {}): Promise<void> {
    this.agent = await this.source.serve(args, { ownToken });
    this.recorder = await startRecorder(await between(this.agent.url));
    this.box.defer(() => this.recorder.stop());
    const [instance] = readdirSync(this.source.stateDir);
    this.#names.learn(readFileSync(join(this.source.stateDir, instance!, 'agent-id'), 'utf8').trim(), 'AGENT');
  }

  /** Runs a command that only leads up to what is to be recorded. */
  async play(args: string[], on: Host = this.destination): Promise<void> {
    const { code, stdout, stderr } = await on.lm(args);
    if (code !== 0) throw new Error(`lm ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
    this.recorder.take();
  }

  /** Runs a command and adds what it did to each trace. */
  async record(args: string[], { on = this.destination, meanwhile }: Recording = {}): Promise<void> {
    const number = ++this.#commands;
    const log = join(this.box.dir, `strace-${number}`);
    const running = on.start([...args, '--json'], HAS_STRACE ? { under: tracing(log) } : {});
    await meanwhile?.();
    const finished = await running.done;
    this.#learnParts(await createXXHash64());
    const { plain } = this.#names;
    const title = `${this.#nameOf(on)}$ lm ${plain(args.join(' '))}`;
    this.#add('events', title, eventLines(finished, this.#names, number));
    if (HAS_STRACE) this.#add('calls', title, callLines(log, this.box.dir, on.dir, plain));
    await this.#addWire(title);
  }

  /** Requests of the scenario's own, one after the other. Each gets a connection, and is over when that is. */
  async ask(title: string, requests: readonly string[]): Promise<void> {
    const { hostname, port } = new URL(this.url);
    for (const request of requests) {
      const socket = connect(Number(port), hostname).setNoDelay(true).resume();
      socket.write(request);
      await once(socket, 'close');
    }
    await this.#addWire(title);
  }

  /** A part's name is made of the XXH64 of the name it will have. Other parts are there for a moment, to try something out. */
  #learnParts(hash: IHasher): void {
    for (const [, path] of [...this.#entries(this.source), ...this.#entries(this.destination)]) {
      const name = basename(path);
      this.#names.learn(`.lm-${hash.init().update(name).digest()}.lm-part`, `.lm-(${name}).lm-part`);
    }
  }

  async #addWire(title: string): Promise<void> {
    const inodes = new Map([...this.#entries(this.source), ...this.#entries(this.destination)]);
    const inode = (ino: string): string => inodes.get(ino) ?? (ino === '0' ? '0' : 'INO');
    const exchanges = this.recorder.take();
    if (exchanges.length > 0) this.#add('wire', title, await wireLines(exchanges, { ...this.#names, inode }));
  }

  *#entries(host: Host): Generator<[inode: string, name: string]> {
    for (const name of readdirSync(host.dir, { recursive: true, encoding: 'utf8' }))
      if (!/^(?:state|home)\b/.test(name))
        yield [`${lstatSync(host.path(name), { bigint: true }).ino}`, `ino:${this.#nameOf(host)}/${name}`];
  }

  /** Adds the state directory of a host as it is now. */
  keepState(when: string, host: Host = this.destination): void {
    this.#add('state', `${this.#nameOf(host)}, ${when}`, stateLines(host.stateDir, this.#names));
  }

  #nameOf(host: Host): string {
    return host === this.source ? 'source' : 'destination';
  }

  traces(): Traces {
    const text = (kind: Kind): string => this.#lines[kind].join('\n').replace(/\n*$/, '\n').trimStart();
    return { calls: text('calls'), events: text('events'), wire: text('wire'), state: text('state') };
  }

  #add(kind: Kind, title: string, lines: readonly string[]): void {
    this.#lines[kind].push(`# ${title}`, ...lines, '');
  }
}

/** Above this a time is no trace's, but that of a file just written. */
const LATELY_NS = 1_710_000_000n * 1_000_000_000n;

/** Deepest first, since a directory's time moves with what is done in it; each entry has one of its own, to the nanosecond. */
function stamp(path: string, second: bigint): void {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort().reverse();
  for (const [i, name] of [...names, ''].entries()) {
    const at = join(path, name);
    if (lstatSync(at, { bigint: true }).mtimeNs > LATELY_NS)
      setMtime(at, (second + BigInt(i)) * 1_000_000_000n + 123_456_700n + BigInt(i));
  }
}
