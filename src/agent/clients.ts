// Who asks an agent for something, since when, and what has gone to them. By address: two clients behind one are one.

/** Times are in ms since the epoch. */
export interface Client {
  address: string;
  sinceMs: number;
  lastMs: number;
  requests: number;
  /** Of bodies, sent so far. */
  bytes: number;
  /** Over the last ten seconds. */
  bytesPerSecond: number;
}

export interface Clients {
  /** A good request of this address begins. Returns what to call when it has ended. */
  begin(address: string): () => void;
  sent(address: string, bytes: number): void;
  list(): Client[];
  /** Says of everybody that they have gone. */
  close(): void;
}

export interface ClientsOptions {
  came(address: string): void;
  /** Nobody of this address has asked for anything for so long, or the agent ends. */
  went(client: Client, idleMs: number): void;
  /** After so long without a request. */
  goneMs?: number;
  now?: () => number;
}

const GONE_MS = 60_000;
const WINDOW_S = 10;

/** Each address of a network could ask once; whoever was idle longest is no longer told of. */
const MOST_CLIENTS = 1_000;

interface Seen extends Omit<Client, 'bytesPerSecond'> {
  active: number;
  /** Bytes in each second of the window. */
  recent: { second: number; bytes: number }[];
}

export function createClients({ came, went, goneMs = GONE_MS, now = Date.now }: ClientsOptions): Clients {
  const seen = new Map<string, Seen>();
  let timer: NodeJS.Timeout | undefined;

  function shown({ active: _, recent, ...client }: Seen): Client {
    const first = Math.floor(now() / 1000) - WINDOW_S;
    const bytes = recent.filter(({ second }) => second > first).reduce((sum, one) => sum + one.bytes, 0);
    const seconds = Math.max(1, Math.min(WINDOW_S, (now() - client.sinceMs) / 1000));
    return { ...client, bytesPerSecond: Math.round(bytes / seconds) };
  }

  function leave(client: Seen): void {
    seen.delete(client.address);
    went(shown(client), now() - client.lastMs);
    if (seen.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function dropIdle(): void {
    for (const client of [...seen.values()]) if (client.active === 0 && now() - client.lastMs >= goneMs) leave(client);
  }

  function met(address: string): Seen {
    const known = seen.get(address);
    if (known) return known;
    const idle = seen.size < MOST_CLIENTS ? undefined : [...seen.values()].find(({ active }) => active === 0);
    if (idle) leave(idle);
    const client = { address, sinceMs: now(), lastMs: now(), requests: 0, bytes: 0, active: 0, recent: [] };
    seen.set(address, client);
    timer ??= setInterval(dropIdle, Math.max(1, goneMs / 6)).unref();
    came(address);
    return client;
  }

  return {
    begin(address) {
      const client = met(address);
      client.active++;
      client.requests++;
      client.lastMs = now();
      return () => {
        client.active--;
        client.lastMs = now();
      };
    },
    sent(address, bytes) {
      const client = seen.get(address);
      if (!client) return;
      client.bytes += bytes;
      const second = Math.floor(now() / 1000);
      const last = client.recent.at(-1);
      if (last?.second === second) last.bytes += bytes;
      else client.recent = [...client.recent.slice(1 - WINDOW_S), { second, bytes }];
    },
    list: () => [...seen.values()].map(shown),
    close() {
      for (const client of [...seen.values()]) leave(client);
    },
  };
}
