// A Cassandra Sidecar as the source of a live migration: the routes that a destination asks, answered with the Sidecar's statuses, documents
// and weaknesses. `node stand-in.js SIDECAR_YAML`. It shares no code with lm, so that a mistake in one is not made in the other.

import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { join, posix } from 'node:path';
import { xxhash32 } from 'hash-wasm';
import micromatch from 'micromatch';
import { parse } from 'yaml';

const P = '/api/v1/live-migration';
const config = parse(readFileSync(process.argv[2], 'utf8'));
const migration = config.live_migration;
const limit = migration.max_concurrent_file_requests ?? 20;
let permits = limit;

/** Of an instance, by the name that URLs have for each. */
function baseDirs({ data_dirs: data, ...instance }) {
  const one = { hints: 'hints_dir', commitlog: 'commitlog_dir', saved_caches: 'saved_caches_dir', cdc_raw: 'cdc_dir' };
  const named = Object.entries(one).flatMap(([type, key]) => (instance[key] ? [[`${type}/0`, instance[key]]] : []));
  return new Map([...named, ...data.map((dir, i) => [`data/${i}`, dir])]);
}

const reasons = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 416: 'Requested Range Not Satisfiable' };

/** What a handler fails with; a guard's failure has no message. */
class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
    const status = reasons[code] ?? { 500: 'Internal Server Error', 503: 'Service Unavailable' }[code];
    this.document = message === undefined ? { status } : { status, code, message };
  }
}

const json = (response, code, document) => {
  const text = JSON.stringify(document);
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
};

function instanceOf({ headers: { host = '' } }) {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const found = config.cassandra_instances.find((one) => one.host === name);
  if (!found) throw new Failure(500, `Instance not found for host ${name}`);
  if (!Object.keys(migration.migration_map).includes(name)) throw new Failure(404);
  return found;
}

const statusFile = ({ staging_dir: dir }) => join(dir, 'live_migration_status.json');
const statusOf = (instance) =>
  existsSync(statusFile(instance))
    ? JSON.parse(readFileSync(statusFile(instance), 'utf8'))
    : { state: 'NOT_COMPLETED', endTime: null };

function complete(instance) {
  if (statusOf(instance).state === 'COMPLETED') throw new Failure(400, 'Live migration marked as COMPLETED earlier.');
  mkdirSync(instance.staging_dir, { recursive: true });
  writeFileSync(statusFile(instance), JSON.stringify({ state: 'COMPLETED', endTime: Date.now() }));
  return statusOf(instance);
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the Sidecar's own placeholder
/** Patterns are matched with whole paths; the one placeholder that is used here is expanded once for each data directory. */
const patternsOf = (list, { data_dirs: dirs }) =>
  (list ?? []).flatMap((pattern) =>
    dirs.map((dir) => pattern.replace('glob:', '').replaceAll('${DATA_FILE_DIR}', dir)),
  );
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the Sidecar's own placeholder
const isMatched = (patterns, path) => micromatch.isMatch(path, patterns, { dot: true });

/** First the paths, by a walk that follows no link; then what each leads to, which fails as a whole where one leads nowhere. */
function list(instance) {
  const [files, dirs] = [migration.files_to_exclude, migration.dirs_to_exclude].map((all) => patternsOf(all, instance));
  const found = [];
  const walk = (base, path, key) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const at = join(path, entry.name);
      if (isMatched(entry.isDirectory() ? dirs : files, at)) continue;
      found.push([at, `${key}/${entry.name}`]);
      if (entry.isDirectory()) walk(base, at, `${key}/${entry.name}`);
    }
  };
  for (const [key, base] of baseDirs(instance)) if (existsSync(base)) walk(base, base, key);
  let totalSize = 0;
  const infos = found.map(([path, key]) => {
    const stat = statSync(path, { bigint: true });
    const isDirectory = stat.isDirectory();
    if (!isDirectory) totalSize += Number(stat.size);
    return {
      fileUrl: `${P}/files/${key}`,
      size: isDirectory ? -1 : Number(stat.size),
      fileType: isDirectory ? 'DIRECTORY' : 'FILE',
      lastModifiedTime: Number(stat.mtimeNs / 1_000_000n),
    };
  });
  return { files: infos, totalSize };
}

/** Escapes of unreserved characters alone are undone: a name with any other is looked for under its escape. */
const decoded = (path) =>
  path.replace(/%([0-9a-f]{2})/gi, (escaped, hex) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.~-]/.test(character) ? character : escaped;
  });

function resolvePath(instance, target) {
  const [, type, index] = /^\/([^/]*)\/([^/]*)\/./.exec(target) ?? [];
  if (type === undefined) throw new Failure(404);
  if (!['hints', 'commitlog', 'saved_caches', 'cdc_raw', 'local_system_data', 'data'].includes(type))
    throw new Failure(400, `Invalid directory type: ${type}`);
  if (!/^\d+$/.test(index)) throw new Failure(400, `Invalid directoryIndex: ${index}`);
  const path = decoded(target);
  if (/\/\.\.(\/|$)/.test(path)) throw new Failure(400, `Tried to access file using relative path: ${path}`);
  const base = baseDirs(instance).get(`${type}/${index}`);
  if (base === undefined) throw new Failure(404, `File url ${P}/files${target} is unknown.`);
  const local = join(base, posix.normalize(path).split('/').slice(3).join('/'));
  if (!existsSync(local)) throw new Failure(404, 'File not found');
  if (!`${realpathSync(local)}/`.startsWith(`${realpathSync(base)}/`))
    throw new Failure(403, 'Resolved path escapes base directory');
  if (statSync(local).isDirectory()) throw new Failure(400, 'Cannot transfer directory');
  if (isMatched(patternsOf(migration.files_to_exclude, instance), local))
    throw new Failure(404, 'Requested path is excluded from live migration');
  return local;
}

/** Inclusive; undefined for the whole file. */
function rangeOf(header, size) {
  if (header === undefined) return undefined;
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  if (first === undefined || first + last === '') throw new Failure(416, 'Range is malformed');
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end) throw new Failure(416, 'Range does not overlap');
  return start === 0 && end === size - 1 ? undefined : { start, end };
}

function stream(path, request, response) {
  const { size } = statSync(path);
  if (size === 0) throw new Failure(416, 'The requested file is empty');
  const range = rangeOf(request.headers.range, size);
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const bytes = end - start + 1;
  response.writeHead(range ? 206 : 200, {
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'content-length': bytes,
    ...(range && { 'content-range': `bytes ${start}-${end}/${bytes}` }), // the length of the range, where that of the file belongs
  });
  createReadStream(path, { start, end })
    .on('error', () => response.destroy())
    .pipe(response);
}

const digests = {
  md5: (bytes) => createHash('md5').update(bytes).digest('base64'),
  xxhash32: async (bytes) => (await xxhash32(bytes, 0)).replace(/^0+(?=.)/, ''),
};

async function digest(path, algorithm) {
  if (algorithm.trim() === '') throw new Failure(400, 'Digest algorithm name cannot be null or empty');
  const compute = digests[algorithm.toLowerCase()];
  if (!compute) throw new Failure(400, `Unsupported digest algorithm ${algorithm}`);
  return { digest: await compute(readFileSync(path)), digestAlgorithm: algorithm };
}

async function file(instance, target, request, response) {
  if (statusOf(instance).state === 'COMPLETED') throw new Failure(400);
  if (permits === 0)
    throw new Failure(503, 'Server is busy processing live migration file requests, please try again later');
  permits--;
  response.once('close', () => permits++);
  const [path, query] = target.split('?');
  const local = resolvePath(instance, path);
  const algorithm = new URLSearchParams(query).get('digestAlgorithm');
  if (algorithm === null) stream(local, request, response);
  else json(response, 200, await digest(local, algorithm));
}

async function answer(request, response) {
  const { method, url = '' } = request;
  const instance = instanceOf(request);
  if (url === `${P}/status` && method === 'GET') json(response, 200, statusOf(instance));
  else if (url === `${P}/status` && method === 'POST') json(response, 200, complete(instance));
  else if (url === `${P}/files` && method === 'GET') json(response, 200, list(instance));
  else if (url.startsWith(`${P}/files/`) && method === 'GET')
    await file(instance, url.slice(`${P}/files`.length), request, response);
  else throw new Failure(404);
}

createServer((request, response) => {
  answer(request, response).catch((error) => {
    const failure = error instanceof Failure ? error : new Failure(500, error.message);
    json(response, failure.code, failure.document);
  });
}).listen(config.sidecar.port, config.sidecar.host);
