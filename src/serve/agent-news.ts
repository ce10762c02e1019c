// What `lm serve` says while it works, to whoever has started it: clients that come and go, and what they or it were refused.

import { type Client, type Clients, createClients } from '../agent/clients.js';
import { createNotices, type Notice, type NoticeKind } from '../agent/notices.js';
import type { Reply } from '../agent/reply.js';
import type { Request } from '../agent/request.js';
import { LmError, printable } from '../errors.js';
import type { ListedRoot } from '../files/entry.js';
import { formatBytes, formatCount, formatSpan } from '../render/quantities.js';
import type { Renderer } from '../render/renderer.js';

export interface AgentNews {
  notice: Notice;
  clients: Clients;
  /** The same function, of whose refusals the operator hears. */
  onRefusal(authorize: (request: Request) => Reply | undefined): (request: Request) => Reply | undefined;
  /** Likewise of a root that was lost. */
  onLostRoot(listRoots: () => ListedRoot[]): () => ListedRoot[];
  unencrypted(remote: string, reason: string): void;
  close(): void;
}

export function agentNews(renderer: Pick<Renderer, 'emit' | 'say'>, quiet: boolean): AgentNews {
  const say = (kind: NoticeKind, text: string): void => {
    if (kind !== 'came') renderer.emit({ type: 'warning', text });
    else if (!quiet) renderer.say('client', { text }, [text]);
  };
  const { notice, close } = createNotices(say);
  const clients = createClients({
    came: (address) => notice('came', `${address} asks for the first time`),
    went: (client, idleMs) => {
      if (!quiet) renderer.say('client', { ...client, idleMs }, [goneText(client, idleMs)]);
    },
  });
  return {
    notice,
    clients,
    onRefusal: (authorize) => (request) => {
      const refusal = authorize(request);
      if (refusal) notice('refused', `refused ${request.remote}: ${reasonIn(refusal)}`);
      return refusal;
    },
    onLostRoot: (listRoots) => () => {
      try {
        return listRoots();
      } catch (error) {
        if (error instanceof LmError)
          notice('root', error.hint === undefined ? error.message : `${error.message}; ${error.hint}`);
        throw error;
      }
    },
    unencrypted: (remote, reason) =>
      notice('unencrypted', `no TLS session with ${remote || 'a client'}: ${WHY[reason] ?? printable(reason)}`),
    close() {
      clients.close();
      close();
    },
  };
}

const goneText = ({ address, requests, bytes, sinceMs, lastMs }: Client, idleMs: number): string =>
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

const WHY: Record<string, string | undefined> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it shows no client certificate',
  ERR_SSL_HTTP_REQUEST: 'it speaks plain HTTP',
  ECONNRESET: 'it hung up',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by --client-ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not signed by --client-ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by --client-ca',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by --client-ca',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};
