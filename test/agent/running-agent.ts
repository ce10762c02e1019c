// Starts the built `lm serve` on a free loopback port and talks to it byte for byte. Shared by the tests beside it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BIN } from '../support/lm.js';

export const P = '/api/v1/live-migration';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
  /** The connection broke before the body was whole. */
  broken: boolean;
}

export type Ask = (target: string, options?: RequestOptions & { body?: string | Uint8Array }) => Promise<Answer>;

export interface RunningAgent {
  port: number;
  url: string;
  child: ChildProcess;
  /** Its first line. */
  listening: Record<string, unknown>;
  /** The next line of this type. */
  says(type: string): Promise<Record<string, unknown>>;
  /** `target` goes into the request line as it is. */
  ask: Ask;
  /** The exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  ended: Promise<number | null>;
  stderr(): string;
}

/** A directory of its own for a test file; `remove` takes it away. */
export function scratch(): { dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'lm-agent-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** A run that is expected to end by itself. */
export async function serveAndEnd(args: string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [BIN, 'serve', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const stderr = collect(child);
  const [code] = await once(child, 'close');
  return { code, stderr: stderr() };
}

/** `tls` goes with every request. It asks for no token where `args` name none. */
export async function startAgent(args: string[], tls: RequestOptions = {}): Promise<RunningAgent> {
  const child = spawn(process.execPath, [BIN, 'serve', '--listen', '127.0.0.1:0', '--json', '--insecure', ...args]);
  const stderr = collect(child);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const lines = createInterface(child.stdout);
  const ready = await Promise.race([
    once(lines, 'line').then(([line]) => JSON.parse(line) as { url: string; port: number }),
    ended.then((code) => Promise.reject(new Error(`lm serve ended with ${code}: ${stderr()}`))),
  ]);
  const { url, port } = ready;
  const request = url?.startsWith('https:') ? httpsRequest : httpRequest;
  return {
    port,
    url,
    child,
    listening: ready,
    says: (type) =>
      new Promise((resolve) => {
        const look = (line: string): void => {
          const said = JSON.parse(line);
          if (said.type !== type) return;
          lines.off('line', look);
          resolve(said);
        };
        lines.on('line', look);
      }),
    ask: (target, options = {}) => askOnce(request, port, target, { ...tls, ...options }),
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
    ended,
    stderr,
  };
}

function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr!.on('data', (chunk) => {
    text += chunk;
  });
  return () => text;
}

function askOnce(
  request: typeof httpRequest,
  port: number,
  path: string,
  { body, ...options }: NonNullable<Parameters<Ask>[1]>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      const finish = (broken: boolean): void => {
        const whole = Buffer.concat(chunks);
        const { statusCode, headers } = response;
        resolve({ status: statusCode!, headers, body: whole, text: whole.toString(), broken });
      };
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => finish(false));
      response.on('error', () => finish(true));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
