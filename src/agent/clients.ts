// Counts the clients of an agent by address: since when each is there, its requests, and the bytes sent to it.

/** Times are in ms since the epoch. */
export interface Client {
  address: string;
  sinceMs: number;
  lastMs: number;
  requests: number;
  /** Bytes of bodies sent so far. */
  bytes: number;
  /** Average of the last ten seconds. */
  bytesPerSecond: number;
}

export interface Clients {
  /** Counts an authorized request of this address. Returns the function to call when it has ended. */
  begin(address: string): () => void;
  sent(address: string, bytes: number): void;
  list(): Client[];
  /** Reports every client as gone. */
  close(): void;
}

interface ClientsOptions {
  arrived(address: string): void;
  /** The address has sent no request for `idleMs`, or the agent ends. */
  left(client: Client, idleMs: number): void;
  /** A client has left after so long without a request. */
  goneMs?: number;
  now?: () => number;
}

const GONE_MS = 60_000;
const WINDOW_S = 10;

/** Each address of a network could send one request; beyond this the client that was idle longest counts as gone. */
const MAX_CLIENTS = 1_000;

interface TrackedClient extends Omit<Client, 'bytesPerSecond'> {
  active: number;
  /** Bytes in each second of the window. */
  recent: { second: number; bytes: number }[];
}

export function createClients({ arrived, left, goneMs = GONE_MS, now = Date.now }: ClientsOptions): Clients {
  const tracked = new Map<string, TrackedClient>();
  let timer: NodeJS.Timeout | undefined;

  function snapshotOf({ active: _, recent, ...client }: TrackedClient): Client {
    const first = Math.floor(now() / 1000) - WINDOW_S;
    const bytes = recent.filter(({ second }) => second > first).reduce((sum, one) => sum + one.bytes, 0);
    const seconds = Math.max(1, Math.min(WINDOW_S, (now() - client.sinceMs) / 1000));
    return { ...client, bytesPerSecond: Math.round(bytes / seconds) };
  }

  function remove(client: TrackedClient): void {
    tracked.delete(client.address);
    left(snapshotOf(client), now() - client.lastMs);
    if (tracked.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function dropIdle(): void {
    for (const client of [...tracked.values()])
      if (client.active === 0 && now() - client.lastMs >= goneMs) remove(client);
  }

  function clientOf(address: string): TrackedClient {
    const known = tracked.get(address);
    if (known) return known;
    const idle = tracked.size < MAX_CLIENTS ? undefined : [...tracked.values()].find(({ active }) => active === 0);
    if (idle) remove(idle);
    const client = { address, sinceMs: now(), lastMs: now(), requests: 0, bytes: 0, active: 0, recent: [] };
    tracked.set(address, client);
    timer ??= setInterval(dropIdle, Math.max(1, goneMs / 6)).unref();
    arrived(address);
    return client;
  }

  return {
    begin(address) {
      const client = clientOf(address);
      client.active++;
      client.requests++;
      client.lastMs = now();
      return () => {
        client.active--;
        client.lastMs = now();
      };
    },
    sent(address, bytes) {
      const client = tracked.get(address);
      if (!client) return;
      client.bytes += bytes;
      const second = Math.floor(now() / 1000);
      const last = client.recent.at(-1);
      if (last?.second === second) last.bytes += bytes;
      else client.recent = [...client.recent.slice(1 - WINDOW_S), { second, bytes }];
    },
    list: () => [...tracked.values()].map(snapshotOf),
    close() {
      for (const client of [...tracked.values()]) remove(client);
    },
  };
}
