// Knows how fast files may be read for digests: what this agent was told, and what each client asks for. The slower of them holds.

import { createPace, type Pace, setLimit } from '../../pace/rate.js';
import { startYielding, type Yielding, type YieldState } from '../../pace/yielding.js';
import { createDigestPool, type DigestPool, type PoolOptions } from '../../reading/digest-pool.js';
import type { RequestedPace } from './digests-request.js';

/** What the agent's operator wants; it holds for all clients together, and together with what is sent. */
export interface AgentPace {
  paces: readonly Pace[];
  yielding?: Pick<Yielding, 'state'> | undefined;
}

/** How one request is served. */
export interface Reading {
  paces: Pace[];
  /** Threads for it: one that waits for a slow client must not hold up the files of another. */
  pool: DigestPool;
  /** Undefined where nobody has asked to yield. */
  yielding(): YieldState | undefined;
  /** Called when the request is over. */
  end(): void;
}

export interface ClientPaces {
  /** For requests without a wish of their own. */
  readonly shared: DigestPool;
  of(pace: RequestedPace): Reading;
  close(): Promise<void>;
}

interface Client {
  id: string;
  requests: number;
  pool: DigestPool;
  /** What it asked for last; its requests under way keep to that too. */
  asked: { limitRate: number | undefined };
  limit: Pace;
  yielding: Yielding | undefined;
  forget: NodeJS.Timeout | undefined;
}

/** Clients with threads and clocks of their own. Of an honest migration there is one; further ones share the threads of all. */
const MAX_CLIENTS = 4;

/** A client is known for so long after its last request: its clock must not begin anew with each one. */
const FORGET_MS = 10_000;

export function createClientPaces(threads: number, setup: Partial<PoolOptions>, agent: AgentPace): ClientPaces {
  const shared = createDigestPool(threads, setup);
  const clients = new Map<string, Client>();

  function known(id: string, { limitRate, yieldFloor }: RequestedPace): Client {
    const client = clients.get(id);
    if (client) return client;
    const isOneOfMany = clients.size >= MAX_CLIENTS;
    const asked = { limitRate };
    const ceiling = (): number => asked.limitRate ?? Number.POSITIVE_INFINITY;
    const begun: Client = {
      id,
      requests: 0,
      pool: isOneOfMany ? shared : createDigestPool(threads, setup),
      asked,
      limit: createPace(limitRate),
      yielding: yieldFloor === undefined || agent.yielding ? undefined : startYielding({ floor: yieldFloor, ceiling }),
      forget: undefined,
    };
    if (!isOneOfMany) clients.set(id, begun);
    return begun;
  }

  async function forget(client: Client): Promise<void> {
    clients.delete(client.id);
    client.yielding?.close();
    if (client.pool !== shared) await client.pool.close();
  }

  return {
    shared,
    of(pace) {
      const { client, limitRate, yieldFloor } = pace;
      const yieldsAlways = () => agent.yielding?.state();
      const id = [client, client === '' ? limitRate : '', yieldFloor].join(' ');
      if (limitRate === undefined && yieldFloor === undefined && !clients.has(id))
        return { paces: [...agent.paces], pool: shared, yielding: yieldsAlways, end: () => {} };
      const of = known(id, pace);
      if (of.asked.limitRate !== limitRate) {
        of.asked.limitRate = limitRate;
        setLimit(of.limit, limitRate);
      }
      of.requests++;
      clearTimeout(of.forget);
      const own = of.yielding ? [of.limit, of.yielding.pace] : [of.limit];
      return {
        paces: [...own, ...agent.paces],
        pool: of.pool,
        yielding: () => of.yielding?.state() ?? yieldsAlways(),
        end() {
          of.requests--;
          if (of.requests === 0) of.forget = setTimeout(() => void forget(of), FORGET_MS).unref();
        },
      };
    },
    async close() {
      await Promise.all([shared.close(), ...[...clients.values()].map(forget)]);
    },
  };
}
