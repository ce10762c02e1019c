// The parts of undici that are used. To load the rest as well would take every command that asks a source 30 ms.

import request from 'undici/lib/api/api-request.js';
import buildConnector from 'undici/lib/core/connect.js';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import Pool from 'undici/lib/dispatcher/pool.js';

Object.assign(Dispatcher.prototype, { request }); // as undici's own entry does

export { buildConnector, Pool };
