// The requests of the guide, word for word as they stand in README.md, with the statuses that it promises.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { until } from '../support/holders.js';
import { sandbox } from '../support/sandbox.js';
import { type Answered, type Document, isOver, P, serveDestination, writeSettings } from '../support/tasks.js';
import { dir, readTree } from '../support/tree.js';

interface Step {
  command: string;
  status: number;
  isRepeated: boolean;
}

function stepsOfTheGuide(): Step[] {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, section = ''] = readme.split('## Tasks over HTTP');
  return [...section.matchAll(/^(curl .*?) +# (\d{3})(.*)$/gm)].map(([, command, status, comment]) => ({
    command: command!,
    status: Number(status),
    isRepeated: comment!.includes('until it is over'),
  }));
}

const run = promisify(execFile);

async function typed(command: string, env: Record<string, string>): Promise<Answered> {
  const shell = `curl() { command curl -sS -w '\\n%{http_code}' "$@"; }; ${command}`;
  const { stdout } = await run('/bin/sh', ['-ec', shell], { env: { PATH: process.env['PATH'], ...env } });
  const at = stdout.lastIndexOf('\n');
  return [Number(stdout.slice(at + 1)), JSON.parse(stdout.slice(0, at))];
}

test('a whole migration', async () => {
  const { source, destination } = sandbox();
  const data = source.write('data', { ks: dir({ t: dir({ 'a.db': 'hello\n', empty: '' }) }) });
  const migration_map = { '127.0.0.1': '127.0.0.2' };
  writeSettings(source, { roots: { data }, live_migration: { migration_map } });
  const served = await source.serve(['--host', '127.0.0.1']);
  const to = destination.path('data');
  const settings = { url: served.url, roots: { data: to }, live_migration: { migration_map } };
  const { agent } = await serveDestination(destination, settings, ['--host', '127.0.0.2']);
  const env = { S: `${served.url}${P}`, D: `${agent.url}${P}` };

  const steps = stepsOfTheGuide();
  expect(steps.length).toBeGreaterThan(10);
  const ends: Document[] = [];
  let id = '';
  for (const { command, status, isRepeated } of steps) {
    const asked = command.replaceAll(/\bID\b/g, id);
    let document: Document;
    await until(async () => {
      const [answered, told] = await typed(asked, env);
      expect([asked, answered]).toEqual([asked, status]);
      document = told;
      return !isRepeated || isOver(told);
    });
    if (isRepeated) ends.push(document);
    id = document.taskId ?? id;
  }
  const [first, last, verified] = ends;
  expect([first.status.at(-1).state, last.status.at(-1).state, verified.state]).toEqual([
    ...['SUCCESS', 'SUCCESS', 'COMPLETED'],
  ]);
  expect(await readTree(to)).toEqual(await readTree(data));
});
