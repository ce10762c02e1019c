// Opens a file in headless Chromium, by its DevTools protocol, and tells all that it says and asks for.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'undici';

const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-component-update'],
  ...['--disable-background-networking', '--disable-sync', '--hide-scrollbars', '--remote-debugging-port=0'],
];

export interface Page {
  /** What an expression is worth in the page. */
  evaluate<T>(expression: string): Promise<T>;
  resize(width: number, height: number): Promise<void>;
  /** `color`: of the scheme that the reader prefers. */
  emulate(media: 'screen' | 'print', color: 'light' | 'dark'): Promise<void>;
  /** Lines of the console, exceptions that nobody caught, and what the browser itself has logged. */
  complaints: string[];
  /** The URL of every request that was sent, or was to be. */
  requests: string[];
  close(): Promise<void>;
}

type Params = Record<string, unknown>;

/** Resolves once the page and all it asks for has been loaded. */
export async function openPage(url: string, chromium = 'chromium'): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), 'lm-chromium-'));
  const browser = spawn(chromium, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => browser.once('exit', () => resolve())); // not 'close': a helper of its may outlive it
  const complaints: string[] = [];
  const requests: string[] = [];
  const socket = new WebSocket(await addressOf(browser));
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  const waiting = new Map<number, (answer: { result?: Params; error?: { message: string } }) => void>();
  const loaded = withResolvers();
  socket.addEventListener('message', ({ data }) => {
    const {
      id,
      method,
      params = {},
      ...answer
    } = JSON.parse(String(data)) as { id?: number; method?: string; params?: Params };
    if (id !== undefined) waiting.get(id)?.(answer);
    if (method === 'Network.requestWillBeSent') requests.push((params['request'] as { url: string }).url);
    if (method === 'Page.loadEventFired') loaded.resolve(undefined);
    if (COMPLAINTS.has(method ?? '')) complaints.push(JSON.stringify(params));
  });
  let last = 0;
  const send = (method: string, params: Params = {}, sessionId?: string): Promise<Params> =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, ({ result = {}, error }) =>
        error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result),
      );
      socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
    });
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = (await send('Target.attachToTarget', { targetId, flatten: true })) as { sessionId: string };
  const ask = (method: string, params?: Params): Promise<Params> => send(method, params, sessionId);
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await ask(`${domain}.enable`);
  await ask('Page.navigate', { url });
  await loaded.promise;
  return {
    complaints,
    requests,
    async evaluate<T>(expression: string) {
      const { result } = (await ask('Runtime.evaluate', { expression, returnByValue: true })) as {
        result: { value: T };
      };
      return result.value;
    },
    async resize(width, height) {
      await ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 2, mobile: width < 600 });
    },
    async emulate(media, color) {
      await ask('Emulation.setEmulatedMedia', { media, features: [{ name: 'prefers-color-scheme', value: color }] });
    },
    async close() {
      send('Browser.close').catch(() => browser.kill('SIGKILL'));
      await ended;
      socket.close();
      browser.stderr!.destroy();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

const COMPLAINTS: ReadonlySet<string> = new Set([
  'Runtime.exceptionThrown',
  'Runtime.consoleAPICalled',
  'Log.entryAdded',
]);

/** It prints the address of its DevTools, or ends. */
function addressOf(browser: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    browser.once('error', reject);
    browser.once('exit', (code) => reject(new Error(`chromium ended with ${code}: ${said}`)));
    browser.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, address] = /^DevTools listening on (ws:\S+)/m.exec(said) ?? [];
      if (address !== undefined) resolve(address);
    });
  });
}

/** Node has it from 22 on. */
function withResolvers(): { promise: Promise<unknown>; resolve(value: unknown): void } {
  let resolve!: (value: unknown) => void;
  const promise = new Promise<unknown>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
