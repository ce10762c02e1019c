// nginx with sendfile, and a curl for each file, all at once: about what the kernel can do, so a limit more than a rival.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../../support/free-port.js';
import type { Bench } from '../bench.js';
import { allAtOnce } from '../processes.js';
import type { Peer } from './peer.js';

/** For a source with a few files and no directory. */
export const nginxAndCurl: Peer = {
  name: 'nginx + a curl per file',
  needs: ['nginx', 'curl'],
  keeps: 'contents',
  async open(bench, source) {
    const port = await freePort();
    const config = bench.path('nginx', 'nginx.conf');
    writeFileSync(config, nginxConfig(dirname(config), source, port));
    const server = await bench.processes.serve('nginx', ['-p', dirname(config), '-e', 'stderr', '-c', config], port);
    return {
      async copy(destination) {
        mkdirSync(destination, { recursive: true });
        return allAtOnce(
          readdirSync(source).map(
            (name) => () => curl(bench, `http://127.0.0.1:${port}/${name}`, join(destination, name)),
          ),
        );
      },
      stop: () => server.stop(),
    };
  },
};

const curl = (bench: Bench, url: string, file: string) => bench.processes.run('curl', ['-sSf', url, '-o', file]);

const nginxConfig = (dir: string, source: string, port: number) => `daemon off;
pid ${dir}/nginx.pid;
${process.geteuid?.() === 0 ? 'user root;' : ''}
worker_processes auto;
error_log stderr error;
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    root ${source};
  }
}
`;
