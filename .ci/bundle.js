// Bundles the program into dist, as chunks and as one file, with the licences of the packages it takes in, and has it write its manual.
// A package without a licence text fails the build.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { writeOneFile } from './one-file.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const read = (name) => readFileSync(join(root, name), 'utf8');

/** Chunks of an earlier build would be packed with this one's. `dist/modules` is the compiler's. */
const isEarlier = (name) => /\.m?js$/.test(name);
try {
  for (const name of readdirSync(dist).filter(isEarlier)) rmSync(join(dist, name));
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}

const banner =
  "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);";

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts', 'src/**/*-thread.ts'],
  outdir: 'dist',
  entryNames: '[name]',
  chunkNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  banner: { js: banner },
  metafile: true,
  logLevel: 'warning',
});

/** @param {string} dir of a package @returns its name, version and licence, and whatever it says of them */
function notice(dir) {
  const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const files = readdirSync(dir).filter((file) => /^(licen[cs]e|copying|notice|authors)\b/i.test(file));
  if (!files.some((file) => /^(licen|copying)/i.test(file))) throw new Error(`${dir}: no licence text to ship`);
  const texts = files.sort().map((file) => readFileSync(join(dir, file), 'utf8').trim());
  return `${'='.repeat(80)}\n${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
}

const packages = Object.keys(metafile.inputs).map((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
const notices = [...new Set(packages)].filter((dir) => dir !== undefined).map((dir) => notice(join(root, dir)));
const licences = notices.sort().join('\n');
const head = 'The files beside this one hold code of the packages below. The licence of lm itself is ../LICENSE.\n\n';
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES'), head + licences);

const own = `lm, and code of the packages below.\n\n${read('LICENSE')}\n`;
await writeOneFile(dist, {
  chunks: Object.keys(metafile.outputs).map((path) => basename(path)),
  banner,
  version: JSON.parse(read('package.json')).version,
  licences: own + licences,
});

mkdirSync(join(root, 'man'), { recursive: true });
writeFileSync(join(root, 'man/lm.1'), execFileSync(process.execPath, [join(dist, 'lm.mjs'), 'man']));
