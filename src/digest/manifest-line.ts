// Writes digests as md5sum and xxhsum do, whose -c checks the files of such a list.

/** Hex digits of a digest; crc32c is missing, because no common tool checks it. */
const DIGITS = { md5: 32, xxhash32: 8, xxhash64: 16 } as const;

export type ManifestAlgorithm = keyof typeof DIGITS;

export const hasManifest = (algorithm: string): algorithm is ManifestAlgorithm => Object.hasOwn(DIGITS, algorithm);

/** The command that checks it. */
export const checkerOf = (algorithm: string): string => (algorithm === 'md5' ? 'md5sum -c' : 'xxhsum -c');

/**
 * As the tool itself writes it. A line with an escaped name begins with a backslash. md5sum escapes backslashes as well; xxhsum takes them as
 * they are, and knows escapes from 0.8.2 on: an older one passes over such a line and says so.
 */
export function manifestLine(algorithm: ManifestAlgorithm, digest: string, path: string): string {
  const needsEscape = algorithm === 'md5' ? /[\\\n\r]/ : /[\n\r]/;
  if (!needsEscape.test(path)) return `${hexDigest(algorithm, digest)}  ${path}\n`;
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `\\${hexDigest(algorithm, digest)}  ${escaped}\n`;
}

/** A Sidecar writes MD5 in Base64, the others without leading zeros. */
const hexDigest = (algorithm: ManifestAlgorithm, digest: string): string =>
  algorithm === 'md5' ? Buffer.from(digest, 'base64').toString('hex') : digest.padStart(DIGITS[algorithm], '0');
