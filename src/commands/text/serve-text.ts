// Describes an agent that has started to listen, as fields for programs and lines for people.

import { printable } from '../../errors.js';
import type { ListeningAgent } from '../../serve/run.js';
import { isLoopback } from '../../settings/checks/reach.js';
import type { ServeSettings } from '../../settings/settings.js';

/** Programs wait for the first line to know that the agent listens, so all their fields are in it. */
export function listeningText(
  { listen, serves, clientNames, file }: ServeSettings,
  { url, roots, read, ownTokenFile, fingerprint, limit, metricsUrl }: ListeningAgent,
): { fields: Record<string, unknown>; lines: string[] } {
  const listed = roots.map(({ key, path }, i) => {
    const snapshot = read[i]!.path;
    return snapshot === path ? { key, path } : { key, path, snapshot };
  });
  const text = listed
    .map(({ key, path, snapshot }) =>
      snapshot === undefined
        ? `${key} (${printable(path)})`
        : `${key} (${printable(snapshot)}, a snapshot of ${printable(path)})`,
    )
    .join(', ');
  const { origin, hostname, port } = url;
  const more = {
    ...(ownTokenFile !== undefined && { tokenFile: ownTokenFile }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(clientNames.length > 0 && { clientNames }),
    ...(metricsUrl !== undefined && { metricsUrl }),
    ...(limit !== undefined && { limit }),
  };
  return {
    fields: {
      url: origin,
      role: serves,
      host: hostname,
      port: Number(port),
      roots: listed,
      config: file ?? null,
      ...more,
    },
    lines: [
      `${serves === 'source' ? 'serving' : 'taking tasks for'} ${text} on ${origin}`,
      ...(ownTokenFile === undefined
        ? []
        : [`token in ${printable(ownTokenFile)}, made for this agent; lm copy on this host finds it`]),
      ...(fingerprint === undefined ? [] : [`its certificate, for the other host: --pin ${fingerprint}`]),
      ...(clientNames.length > 0
        ? [`only for client certificates with the name ${printable(clientNames.join(' or '))}`]
        : []),
      ...(metricsUrl === undefined ? [] : [`metrics at ${metricsUrl}`]),
      ...(limit === undefined ? [] : [`limit: ${limit}`]),
      ...(listed.some(({ snapshot }) => snapshot !== undefined) ? [FOR_WARM_PASSES] : []),
      ...(isLoopback(listen.host)
        ? ['only this host can reach it; for others, give --listen HOST:PORT and --token-file FILE']
        : []),
    ],
  };
}

const FOR_WARM_PASSES =
  'for passes below 1.0: the last one, lm verify and lm complete take the live directory, served without --as';
