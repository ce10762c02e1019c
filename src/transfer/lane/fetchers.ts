// One unit's bytes, from the source's answers to the disk: a bundle or range from an lm agent, or plain GETs from a Sidecar.
// Runs in a lane. Retries nothing.

import type { Transport } from '../../source/transport.js';
import type { Fetcher } from './fetch.js';
import { fetchFile } from './fetch-file.js';
import { fetchBundle, fetchRange, fetchSeals } from './fetch-frames.js';

export const FETCHERS: Record<Transport['by'], Fetcher> = {
  units: { files: fetchBundle, range: fetchRange, seals: fetchSeals },
  files: {
    async files(slot, files, sink) {
      for (const file of files) {
        const fault = await fetchFile(slot, file, undefined, sink);
        if (fault) return fault;
      }
      return undefined;
    },
    range: fetchFile,
    seals: async () => undefined,
  },
};
