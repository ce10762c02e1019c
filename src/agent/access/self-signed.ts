// Makes a self-signed certificate for an agent that was given none: X.509 (RFC 5280) in DER, which Node can read and cannot write. It
// writes only the DER types that such a certificate has.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

/** A new P-256 key and its certificate, as one PEM text. `names` are the host names and addresses it is for. */
export function selfSigned(names: readonly string[], nowMs: number): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = sequence(set(sequence(oid('2.5.4.3'), der(UTF8_STRING, Buffer.from('lm serve')))));
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40; // positive, and never with a zero in front
  const toBeSigned = sequence(
    der(context(0), der(INTEGER, Buffer.from([2]))), // version 3
    der(INTEGER, serial),
    algorithm,
    subject,
    sequence(der(UTC_TIME, utcTime(nowMs - DAY_MS)), der(GENERALIZED_TIME, NO_END)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(context(3), sequence(alternativeNames(names), forServers())),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const certificate = sequence(toBeSigned, algorithm, bitString(signature));
  return `${privateKey.export({ type: 'pkcs8', format: 'pem' })}${pem(certificate)}`;
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;

/** The other host's clock may be a little behind. */
const DAY_MS = 86_400_000;

/** "No end" in RFC 5280, 4.1.2.5: a client that pins a certificate checks its fingerprint alone. */
const NO_END = Buffer.from('99991231235959Z');

/** `261129200802Z`: two digits of the year, which the RFC demands until 2049. */
const utcTime = (ms: number): Buffer =>
  Buffer.from(
    new Date(ms)
      .toISOString()
      .replaceAll(/[-:T]|\.\d+/g, '')
      .slice(2),
  );

function alternativeNames(names: readonly string[]): Buffer {
  const each = [...new Set(names)].map((name) =>
    isIP(name) ? der(primitive(7), addressBytes(name)) : der(primitive(2), Buffer.from(name, 'latin1')),
  );
  return sequence(oid('2.5.29.17'), der(OCTET_STRING, sequence(...each)));
}

/** Extended key usage: serverAuth. */
const forServers = (): Buffer => sequence(oid('2.5.29.37'), der(OCTET_STRING, sequence(oid('1.3.6.1.5.5.7.3.1'))));

/** 4 or 16 bytes of an address that `isIP` takes, without a zone. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = shortest.split('::').map((half) => half.split(':').filter((word) => word !== ''));
  const zeros = Array<string>(8 - head.length - tail.length).fill('0');
  return Buffer.from([...head, ...zeros, ...tail].map((word) => word.padStart(4, '0')).join(''), 'hex');
}

const context = (tag: number): number => 0xa0 | tag;
const primitive = (tag: number): number => 0x80 | tag;
const sequence = (...parts: Buffer[]): Buffer => der(SEQUENCE, Buffer.concat(parts));
const set = (...parts: Buffer[]): Buffer => der(SET, Buffer.concat(parts));
const bitString = (bytes: Buffer): Buffer => der(BIT_STRING, Buffer.concat([Buffer.from([0]), bytes]));

/** Tag, length and content (X.690, 8.1). */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const digits = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...digits]), content]);
}

function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  return der(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Seven bits a byte, the highest first; all but the last have the eighth set. */
function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

const pem = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
