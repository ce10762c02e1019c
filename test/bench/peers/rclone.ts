// rclone: its own webdav server, four transfers at once, no configuration but ours.

import { freePort } from '../../support/free-port.js';
import type { Peer } from './peer.js';

export const rcloneWebdav: Peer = {
  name: 'rclone webdav, 4 transfers',
  needs: ['rclone'],
  keeps: 'contents',
  async open(bench, source) {
    const port = await freePort();
    const env = { HOME: bench.path('rclone', 'home'), RCLONE_CONFIG: '/dev/null' };
    const server = await bench.processes.serve(
      'rclone',
      ['serve', 'webdav', source, '--addr', `127.0.0.1:${port}`, '--read-only'],
      port,
      { env },
    );
    const remote = ['--webdav-url', `http://127.0.0.1:${port}`, '--webdav-vendor', 'other'];
    return {
      async copy(destination) {
        const args = ['copy', ':webdav:', destination, ...remote, '--transfers', '4'];
        return (await bench.processes.run('rclone', args, { env })).seconds;
      },
      stop: () => server.stop(),
    };
  },
};
