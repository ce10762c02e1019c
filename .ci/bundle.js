// Bundles the program into dist, with the licences of the packages it takes in. A package without a licence text fails the build.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

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
  banner: {
    js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);",
  },
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
const head = 'The files beside this one hold code of the packages below. The licence of lm itself is ../LICENSE.\n\n';
writeFileSync(join(root, 'dist/THIRD-PARTY-LICENSES'), head + notices.sort().join('\n'));
