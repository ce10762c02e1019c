// Lists the fetchers of a worker: units in frames from an lm agent, or plain GETs from a Sidecar.

import type { Transport } from '../../source/transport.js';
import type { Fetcher } from './fetch.js';
import { fetchFile } from './fetch-file.js';
import { fetchBundle, fetchRange, fetchSeals } from './fetch-frames.js';
import { fetchPages } from './fetch-pages.js';

export const FETCHERS: Record<Transport['by'], Fetcher> = {
  units: { files: fetchBundle, range: fetchRange, seals: fetchSeals, pages: fetchPages },
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
