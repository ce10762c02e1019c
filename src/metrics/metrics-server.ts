// Answers GET /metrics on a loopback address of its own, without credentials. What is beyond loopback is refused with the settings.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errnoOf, LmError, printable } from '../errors.js';
import { hostAndPort } from '../linux/addresses.js';
import type { Exposition } from './registry.js';

export interface MetricsServer {
  /** `http://127.0.0.1:9044/metrics` */
  url: string;
  close(): void;
}

/** A scraper holds one connection, and asks in one packet. */
const LIMITS = { headersTimeout: 5_000, requestTimeout: 5_000, connectionsCheckingInterval: 1_000 };
const MAX_CONNECTIONS = 32;

/** Port 0 takes a free one. Throws `usage` for an address that cannot be listened on. */
export async function startMetricsServer(
  { host, port }: { host: string; port: number },
  exposition: Exposition,
): Promise<MetricsServer> {
  const server = createServer(LIMITS, (request, response) => void answer(request, response, exposition));
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(refused(host, port, cause)));
    server.listen(port, host, resolve);
  });
  server.on('error', () => {}); // of a connection that could not be accepted: the next scrape tries again
  server.unref(); // a run that has ended does not wait for a scraper
  const { address, port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${hostAndPort(address, taken)}/metrics`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, exposition: Exposition): Promise<void> {
  const { method, url = '', headers } = request;
  request.resume();
  const end = (status: number, text: string, more: Record<string, string> = {}): void => {
    const length = Buffer.byteLength(text);
    response.writeHead(status, { 'content-type': 'text/plain', 'content-length': length, ...more });
    response.end(method === 'HEAD' ? '' : text);
  };
  if (headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none')
    return end(403, 'requests from web pages are refused\n');
  if (url.split('?')[0] !== '/metrics') return end(404, 'metrics are at /metrics\n');
  if (method !== 'GET' && method !== 'HEAD') return end(405, 'GET only\n', { allow: 'GET, HEAD' });
  try {
    end(200, await exposition.text(), { 'content-type': exposition.contentType });
  } catch (error) {
    end(500, `${printable(String(error))}\n`);
  }
}

function refused(host: string, port: number, cause: NodeJS.ErrnoException): LmError {
  const code = errnoOf(cause);
  return new LmError(
    'cannot-listen',
    `--metrics-listen: cannot listen on ${printable(host)}, port ${port}: ${code ?? cause.message}`,
    { cause, hint: HINTS[code ?? ''] },
  );
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something else listens there, perhaps another lm; name another port, or 0 for a free one',
  EACCES: 'a port below 1024 takes a privilege; name another one',
};
