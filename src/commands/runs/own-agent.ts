// Serves a source that is a directory of this host, for as long as the command runs that reads it: with an agent in this process, so that
// listings, guards, the ledger and verifications are those of any source.

import { join } from 'node:path';
import type { Emit } from '../../events.js';
import type { Io } from '../../io.js';
import type { ListeningAgent } from '../../serve/run.js';
import { type Found, read } from '../../settings/layers.js';
import type { OptionName } from '../../settings/options.js';
import { resolve } from '../../settings/resolve.js';
import type { OwnAgent, ServeSettings } from '../../settings/settings.js';
import type { Stated } from '../../settings/stated.js';
import { directoryIn } from '../../settings/values/source-url.js';
import { type Instance, OWN_AGENT_DIR, removeInstance } from '../../state/instance.js';
import { thisUser } from '../this-user.js';

interface Command {
  /** The agent's records are among those of the destination. */
  instance: Instance;
  /** Whether these begin with this command. */
  isNew?: boolean;
  io: Io;
  emit: Emit;
}

/** Calls `work` with the settings by which it reaches the source. Throws what `work` throws, and `usage` for what is no directory. */
export async function withOwnAgent<S extends { url: URL | undefined; ownAgent?: OwnAgent }, T>(
  settings: S,
  command: Command,
  work: (settings: S) => Promise<T>,
): Promise<T> {
  const directory = settings.url && directoryIn(settings.url);
  if (directory === undefined) return work(settings);
  const ending = new AbortController();
  const { agent, ended } = await startAgent(directory, command, ending.signal);
  try {
    return await work({ ...settings, ownAgent: { url: agent.url, tokenFile: agent.ownTokenFile! } }); // it was given no token, so it has made one
  } finally {
    ending.abort();
    await ended;
  }
}

/** Rejects with what keeps it from listening; `ended` never rejects: of what goes wrong later, its client is told. */
async function startAgent(
  directory: string,
  { instance, isNew, io, emit }: Command,
  signal: AbortSignal,
): Promise<{ agent: ListeningAgent; ended: Promise<void> }> {
  const stated = statedFor(directory, join(instance.dir, OWN_AGENT_DIR));
  const tasks = { invocation: { stated, io }, user: thisUser(io), reporter: noTasks };
  const { runServe } = await import('../../serve/run.js'); // which no other copy needs
  let ended!: Promise<void>;
  try {
    const agent = await new Promise<ListeningAgent>((listening, reject) => {
      ended = runServe(settingsFor(stated), { env: io.env, emit, print: () => {}, tasks, signal, listening });
      ended.catch(reject);
    });
    return { agent, ended: ended.catch(() => {}) };
  } catch (error) {
    if (isNew) removeInstance(instance); // nothing has come of it
    throw error;
  }
}

const noTasks = (): never => {
  throw new Error('the agent of a source has no tasks');
};

/** What the destination excludes holds at both ends; this end adds nothing. */
const settingsFor = (stated: Stated): ServeSettings => ({
  ...resolve('serve', stated),
  exclusions: { filesToExclude: [], dirsToExclude: [] },
});

function statedFor(directory: string, stateDir: string): Stated {
  const words: Partial<Record<OptionName, string | string[]>> = {
    ...{ root: [`data=${directory}`], listen: '127.0.0.1:0', 'state-dir': stateDir, quiet: 'true' },
    'max-concurrent-file-requests': '1000', // as many as the command makes: nobody else asks
  };
  const origin = { source: 'flag', where: 'the source directory' } as const;
  const flags = new Map<OptionName, Found>();
  for (const [name, word] of Object.entries(words) as [OptionName, string | string[]][])
    flags.set(name, read(name, word, origin, '/'));
  const none = new Map<OptionName, Found>();
  return {
    command: 'serve',
    layers: [flags, none, none, none, none],
    migration: undefined,
    file: undefined,
    warnings: [],
  };
}
