// An agent that listens, as fields for programs and lines for people. Pure: asks nobody.

import { printable } from '../../errors.js';
import type { ListeningAgent } from '../../serve/run.js';
import { isLoopback } from '../../settings/resolve.js';
import type { ServeSettings } from '../../settings/settings.js';

/** Programs read the first line to know that it listens, so that all they are told is in it. */
export function listeningText(
  { listen, clientNames, file }: ServeSettings,
  { url, roots, made, fingerprint }: ListeningAgent,
): { fields: Record<string, unknown>; lines: string[] } {
  const text = roots.map((root) => `${root.key} (${printable(root.path)})`).join(', ');
  const listed = roots.map(({ key, path }) => ({ key, path }));
  const { origin, hostname, port } = url;
  const more = {
    ...(made !== undefined && { tokenFile: made }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(clientNames.length > 0 && { clientNames }),
  };
  return {
    fields: { url: origin, host: hostname, port: Number(port), roots: listed, config: file ?? null, ...more },
    lines: [
      `serving ${text} on ${origin}`,
      ...(made === undefined
        ? []
        : [`token in ${printable(made)}, made for this agent; lm copy on this host finds it`]),
      ...(fingerprint === undefined ? [] : [`its certificate, for the other host: --pin ${fingerprint}`]),
      ...(clientNames.length > 0
        ? [`only for client certificates with the name ${printable(clientNames.join(' or '))}`]
        : []),
      ...(isLoopback(listen.host)
        ? ['only this host can reach it; for others, give --listen HOST:PORT and --token-file FILE']
        : []),
    ],
  };
}
