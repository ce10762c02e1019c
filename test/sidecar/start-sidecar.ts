// Starts the Sidecar under test: what SIDECAR_CMD names, a shell command that finds its configuration in SIDECAR_YAML, or else the stand-in.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Sandbox } from '../support/sandbox.js';

const STAND_IN = fileURLToPath(new URL('./stand-in.js', import.meta.url));
const COMMAND = process.env['SIDECAR_CMD'] ?? `exec "${process.execPath}" "${STAND_IN}" "$SIDECAR_YAML"`;
const PORT = 9043;

export interface SidecarOptions {
  dataDirs: string[];
  commitlogDir?: string;
  maxConcurrentFileRequests?: number;
  filesToExclude?: string[];
  dirsToExclude?: string[];
  /** False: the host is in no migration map, so that its routes are off. */
  isMapped?: boolean;
}

export interface Sidecar {
  url: string;
  /** Ends at once, in the middle of whatever it sends. */
  kill(): Promise<void>;
  /** Comes back when it answers. */
  start(): Promise<void>;
}

/** Serves `dataDirs` on a loopback address of its own, so that no port has to be looked for. Ended with the sandbox. */
export async function startSidecar({ dir, defer }: Sandbox, options: SidecarOptions): Promise<Sidecar> {
  const [a, b] = [1, 2].map(() => 1 + Math.floor(Math.random() * 253)) as [number, number];
  const [source, destination] = [`127.77.${a}.${b}`, `127.78.${a}.${b}`];
  const yaml = join(dir, 'sidecar.yaml');
  mkdirSync(dir, { recursive: true });
  writeFileSync(yaml, configuration(source, destination, dir, options));
  const url = `http://${source}:${PORT}`;
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    process.kill(-child.pid!, 'SIGKILL'); // the shell's whole group: a command may start others
    await closed;
  };
  const start = async (): Promise<void> => {
    child = spawn('sh', ['-c', COMMAND], {
      env: { ...process.env, SIDECAR_YAML: yaml },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: string[] = [];
    child.stderr!.setEncoding('utf8').on('data', (text: string) => said.push(text));
    while (!(await answers(url))) {
      if (child.exitCode !== null) throw new Error(`the Sidecar ended with ${child.exitCode}: ${said.join('')}`);
      await delay(50); // there is no event for a socket that another process will listen on
    }
  };
  defer(kill);
  await start();
  return { url, kill, start };
}

const configuration = (source: string, destination: string, dir: string, options: SidecarOptions): string =>
  stringify({
    sidecar: { host: source, port: PORT },
    cassandra_instances: [
      {
        id: 1,
        host: source,
        port: 9042,
        data_dirs: options.dataDirs,
        staging_dir: join(dir, 'staging'),
        ...(options.commitlogDir && { commitlog_dir: options.commitlogDir }),
      },
    ],
    live_migration: {
      files_to_exclude: options.filesToExclude ?? [],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the Sidecar's own placeholder
      dirs_to_exclude: options.dirsToExclude ?? ['glob:${DATA_FILE_DIR}/*/*/snapshots'],
      migration_map: (options.isMapped ?? true) ? { [source]: destination } : {},
      max_concurrent_file_requests: options.maxConcurrentFileRequests ?? 20,
    },
  });

/** Whether anything does, a refusal too. */
const answers = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    request(`${url}/api/v1/live-migration/status`, { agent: false }, (response) => {
      response.resume();
      resolve(true);
    })
      .on('error', () => resolve(false))
      .end();
  });
