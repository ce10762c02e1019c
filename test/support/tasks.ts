// Two agents as an orchestrator sees them: a source, a destination that takes tasks, and curl to ask both.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { until } from './holders.js';
import type { Agent, LmOptions } from './lm.js';
import type { Host } from './sandbox.js';

export const P = '/api/v1/live-migration';
export const COPIES = `${P}/data-copy-tasks`;
export const VERIFICATIONS = `${P}/files-verification-tasks`;

// biome-ignore lint/suspicious/noExplicitAny: what a document holds is what the tests are about
export type Document = any;
/** Status and document. */
export type Answered = [status: number, document: Document];

export interface Asked {
  get(path: string, ...args: string[]): Promise<Answered>;
  post(path: string, body?: object | string, ...args: string[]): Promise<Answered>;
  patch(path: string, ...args: string[]): Promise<Answered>;
  del(path: string, ...args: string[]): Promise<Answered>;
}

const run = promisify(execFile);

/** The real curl, as the guide has it. */
async function curl(...args: string[]): Promise<Answered> {
  const { stdout } = await run('curl', ['-sS', '-w', '\n%{http_code}', ...args]);
  const at = stdout.lastIndexOf('\n');
  const text = stdout.slice(0, at);
  return [Number(stdout.slice(at + 1)), text === '' ? undefined : JSON.parse(text)];
}

export const asking = (url: string): Asked => ({
  get: (path, ...args) => curl(...args, `${url}${path}`),
  post: (path, body, ...args) =>
    curl(
      ...['-X', 'POST', ...args],
      ...(body === undefined ? [] : ['-d', typeof body === 'string' ? body : JSON.stringify(body)]),
      `${url}${path}`,
    ),
  patch: (path, ...args) => curl('-X', 'PATCH', ...args, `${url}${path}`),
  del: (path, ...args) => curl('-X', 'DELETE', ...args, `${url}${path}`),
});

/** `lm.yaml` of a host, which tasks read each time. */
export const writeSettings = (host: Host, settings: object): void =>
  writeFileSync(host.path('lm.yaml'), JSON.stringify(settings)); // JSON is YAML

/** An agent that takes tasks, at an address of its own. */
export async function serveDestination(
  host: Host,
  settings: object,
  args: string[] = [],
  options: LmOptions = {},
): Promise<{ agent: Agent; asked: Asked }> {
  writeSettings(host, settings);
  const role = args.includes('--host') ? [] : ['--role', 'destination'];
  const agent = await host.serve([...role, '--listen', '127.0.0.2:0', ...args], options);
  return { agent, asked: asking(agent.url) };
}

/** Asks until `holds` is true of the document. */
export async function poll(asked: Asked, path: string, holds: (document: Document) => boolean): Promise<Document> {
  let document: Document;
  await until(async () => {
    [, document] = await asked.get(path);
    return holds(document);
  });
  return document;
}

/** As the Sidecar's clients know that nothing more will come. */
export const isOver = ({ state, status = [], maxIterations }: Document): boolean => {
  const last = status.at(-1);
  if (state !== undefined) return state !== 'IN_PROGRESS' && state !== 'NOT_STARTED';
  if (last?.state === 'FAILED') return last.iteration === maxIterations;
  return last?.state === 'SUCCESS' || last?.state === 'CANCELLED';
};
