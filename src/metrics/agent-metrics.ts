// The metrics of an agent: what is told of each request once it has been answered, and how things stand when somebody asks.

import { parseTarget, type RouteName } from '../wire/routes.js';
import { build, type Family, familiesWith, type Sample, seconds } from './family.js';

/** As the agent's server tells of a request. */
interface Served {
  target: string;
  status: number;
  elapsedMs: number;
  aborted: boolean;
}

/** How an agent stands. */
export interface AgentState {
  /** Of the known ones, `active` have a request under way. */
  connections: { newcomers: number; known: number; active: number };
  /** Addresses that have sent a request within the last minute. */
  clients: number;
  /** Of --yield-to-io; undefined without it, and where the kernel tells no pressure. */
  yielding: { bytesPerSecond: number; pressure: number } | undefined;
}

interface AgentMetricsOptions {
  role: string;
  /** Bytes a second, as it is now; undefined for none. */
  limitRate(): number | undefined;
  state(): AgentState;
}

interface Requests {
  route: RouteName | 'none';
  /** By status. */
  count: Map<number, number>;
  elapsedMs: number;
}

/** There from the start, at 0: Prometheus sees no rise in a counter that begins with it. */
const REFUSED: readonly number[] = [401, 403, 421];

export class AgentMetrics {
  readonly #options: AgentMetricsOptions;
  readonly #beganMs = Date.now();
  #requests = new Map<string, Requests>();
  #refused = new Map(REFUSED.map((status) => [status, 0]));
  #aborted = 0;
  #bytes = 0;
  #files = 0;
  #digests = 0;
  #tlsFailures = 0;

  constructor(options: AgentMetricsOptions) {
    this.#options = options;
  }

  served(
    { target, status, elapsedMs, aborted }: Served,
    holds: { files: number } | { digests: number } | undefined,
  ): void {
    const route = parseTarget(target)?.name ?? 'none';
    const requests = this.#requests.get(route) ?? { route, count: new Map(), elapsedMs: 0 };
    this.#requests.set(route, requests);
    requests.count.set(status, (requests.count.get(status) ?? 0) + 1);
    requests.elapsedMs += elapsedMs;
    const refused = this.#refused.get(status);
    if (refused !== undefined) this.#refused.set(status, refused + 1);
    if (aborted) this.#aborted++;
    if (holds && 'files' in holds) this.#files += holds.files;
    if (holds && 'digests' in holds) this.#digests += holds.digests;
  }

  /** Bytes of a body, as they go out. */
  sent(bytes: number): void {
    this.#bytes += bytes;
  }

  tlsFailed(): void {
    this.#tlsFailures++;
  }

  families(): Family[] {
    return [...this.#aboutRequests(), ...this.#aboutState()];
  }

  #aboutRequests(): Family[] {
    const { counter, counterBy } = familiesWith({});
    const requests = () => [...this.#requests.values()];
    return [
      counterBy('lm_agent_requests_total', 'Requests that were answered.', ['route', 'status'], () =>
        requests().flatMap(({ route, count }) =>
          [...count].map(([status, n]): Sample => [{ route, status: `${status}` }, n]),
        ),
      ),
      counterBy('lm_agent_request_seconds_total', 'The time that they took.', ['route'], () =>
        requests().map(({ route, elapsedMs }): Sample => [{ route }, elapsedMs / 1_000]),
      ),
      counterBy(
        'lm_agent_requests_refused_total',
        'Those without a credential (401), a permission (403), or meant for another host (421).',
        ['status'],
        () => [...this.#refused].map(([status, n]): Sample => [{ status: `${status}` }, n]),
      ),
      counter('lm_agent_requests_aborted_total', 'Those whose reply was cut short.', () => this.#aborted),
      counter('lm_agent_tls_failures_total', 'Connections that got no TLS session.', () => this.#tlsFailures),
      counter('lm_agent_sent_bytes_total', 'Bytes of replies that were sent.', () => this.#bytes),
      counter('lm_agent_files_sent_total', 'Files whose last byte was sent.', () => this.#files),
      counter('lm_agent_files_digested_total', 'Files whose digests were sent.', () => this.#digests),
    ];
  }

  #aboutState(): Family[] {
    const { role, limitRate, state } = this.#options;
    const { gauge, gaugeBy } = familiesWith({});
    const labels = { ...build(), role };
    return [
      gaugeBy('lm_build_info', 'What runs; always 1.', ['version', 'node', 'role'], () => [[labels, 1]]),
      gauge('lm_agent_start_timestamp_seconds', 'When the agent began.', () => seconds(this.#beganMs)),
      gaugeBy('lm_agent_connections', 'Open connections: with a request under way, idle, or new.', ['state'], () => {
        const { newcomers, known, active } = state().connections;
        return [
          [{ state: 'active' }, active],
          [{ state: 'idle' }, known - active],
          [{ state: 'new' }, newcomers],
        ];
      }),
      gauge('lm_agent_clients', 'Addresses that have sent a request within the last minute.', () => state().clients),
      gauge('lm_throttle_bytes_per_second', 'The limit in force; absent without one.', limitRate),
      ...(state().yielding
        ? [
            gauge(
              'lm_agent_yield_bytes_per_second',
              'How fast --yield-to-io lets it read.',
              () => state().yielding?.bytesPerSecond,
            ),
            gauge(
              'lm_agent_io_pressure_ratio',
              'The share of the last second in which some process waited for a disk.',
              () => state().yielding?.pressure,
            ),
          ]
        : []),
    ];
  }
}
