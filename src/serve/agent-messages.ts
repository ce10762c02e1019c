// The messages of `lm serve` to its operator: clients that arrive and leave, requests that were refused, and what the agent could not do.

import { type Client, type Clients, createClients } from '../agent/clients.js';
import { createNotices, type Notice, type NoticeKind } from '../agent/notices.js';
import type { Reply } from '../agent/reply.js';
import type { Request } from '../agent/request.js';
import { formatBytes, formatCount, formatSpan } from '../amounts.js';
import { meaningOf } from '../error-codes.js';
import { LmError, printable } from '../errors.js';
import type { ListedRoot } from '../files/listing.js';
import type { Renderer } from '../render/renderer.js';

export interface AgentMessages {
  notice: Notice;
  clients: Clients;
  /** The same function; the operator gets a message for each refusal. */
  reportRefusals(authorize: (request: Request) => Reply | undefined): (request: Request) => Reply | undefined;
  /** The same function; the operator gets a message when a root is lost. */
  reportLostRoots(listRoots: () => ListedRoot[]): () => ListedRoot[];
  reportTlsFailure(remote: string, reason: string): void;
  close(): void;
}

export function createAgentMessages(renderer: Pick<Renderer, 'emit' | 'print'>, quiet: boolean): AgentMessages {
  const report = (kind: NoticeKind, text: string): void => {
    if (kind !== 'arrived') renderer.emit({ type: 'warning', text });
    else if (!quiet) renderer.print('client', { text }, [text]);
  };
  const { notice, close } = createNotices(report);
  const clients = createClients({
    arrived: (address) => notice('arrived', `${address} sends its first request`),
    left: (client, idleMs) => {
      if (!quiet) renderer.print('client', { ...client, idleMs }, [leftText(client, idleMs)]);
    },
  });
  return {
    notice,
    clients,
    reportRefusals: (authorize) => (request) => {
      const refusal = authorize(request);
      if (refusal) notice('refused', `refused ${request.remote}: ${reasonIn(refusal)}`);
      return refusal;
    },
    reportLostRoots: (listRoots) => () => {
      try {
        return listRoots();
      } catch (error) {
        if (error instanceof LmError)
          notice('root', error.hint === undefined ? error.message : `${error.message}; ${error.hint}`);
        throw error;
      }
    },
    reportTlsFailure: (remote, reason) =>
      notice('tls', `no TLS session with ${remote || 'a client'}: ${meaningOf(reason).handshake ?? printable(reason)}`),
    close() {
      clients.close();
      close();
    },
  };
}

const leftText = ({ address, requests, bytes, sinceMs, lastMs }: Client, idleMs: number): string =>
  `${address} is gone, ${formatSpan(idleMs)} without a request: ${formatCount(requests, 'request')} in ` +
  `${formatSpan(lastMs - sinceMs)}, ${formatBytes(bytes)} sent`;

/** An error reply is a document with a message, as the Sidecar's are. */
function reasonIn({ status, body }: Reply): string {
  try {
    return printable((JSON.parse(body as string) as { message: string }).message);
  } catch {
    return `HTTP ${status}`;
  }
}
