// Assembles WebAssembly modules from the few instructions that the hash kernels need.

/** Bytes of the binary format, nested as they were put together. */
export type Code = number | readonly Code[];

/** A value type, by its byte in the binary format. */
export type ValueType = 0x7f | 0x7e | 0x7b;
export const I32 = 0x7f;
export const I64 = 0x7e;
const V128 = 0x7b;

/** A local variable of a function. */
export interface Local {
  get: Code;
  set(value: Code): Code;
}

/** A function of i32 parameters and no result. `body` gets the parameters, and calls `local` for each further local variable. */
export interface FunctionSource<Name extends string = string> {
  name: Name;
  params: number;
  body(params: Local[], local: (type: ValueType) => Local): Code;
}

/** 32-bit words as a kernel computes with them: one at a time, or four side by side. */
export interface Words {
  type: ValueType;
  const(word: number): Code;
  add(a: Code, b: Code): Code;
  mul(a: Code, b: Code): Code;
  and(a: Code, b: Code): Code;
  /** a & ~b */
  andNot(a: Code, b: Code): Code;
  or(a: Code, b: Code): Code;
  xor(a: Code, b: Code): Code;
  not(a: Code): Code;
  rotl(a: Local, bits: number): Code;
  load(address: Code, offset: number): Code;
  store(address: Code, value: Code, offset: number): Code;
}

const ALIGNED_4 = 2;
const ALIGNED_8 = 3;
const ALIGNED_16 = 4;

const binary =
  (...opcode: Code[]) =>
  (a: Code, b: Code): Code => [a, b, opcode];

export const i32 = {
  type: I32,
  const: (word: number): Code => [0x41, signed(word | 0)],
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  andNot: (a: Code, b: Code): Code => i32.and(a, i32.not(b)),
  or: binary(0x72),
  xor: binary(0x73),
  not: (a: Code): Code => i32.xor(a, i32.const(-1)),
  rotl: (a: Local, bits: number): Code => [a.get, i32.const(bits), 0x77],
  /** 1 or 0, of unsigned words. */
  atMost: binary(0x4d),
  load: (address: Code, offset: number): Code => [address, 0x28, ALIGNED_4, unsigned(offset)],
  store: (address: Code, value: Code, offset: number): Code => [address, value, 0x36, ALIGNED_4, unsigned(offset)],
} satisfies Words & Record<string, unknown>;

export const i64 = {
  const: (word: bigint): Code => [0x42, signed64(BigInt.asIntN(64, word))],
  add: binary(0x7c),
  mul: binary(0x7e),
  xor: binary(0x85),
  shr: (a: Code, bits: bigint): Code => [a, i64.const(bits), 0x88],
  rotl: (a: Code, bits: bigint): Code => [a, i64.const(bits), 0x89],
  load: (address: Code, offset: number): Code => [address, 0x29, ALIGNED_8, unsigned(offset)],
  /** Four bytes, or one, with zeros above them. */
  load32: (address: Code, offset: number): Code => [address, 0x35, ALIGNED_4, unsigned(offset)],
  load8: (address: Code, offset: number): Code => [address, 0x31, 0, unsigned(offset)],
  store: (address: Code, value: Code, offset: number): Code => [address, value, 0x37, ALIGNED_8, unsigned(offset)],
};

/** A vector instruction: all of them share a prefix. */
const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];

export const i32x4 = {
  type: V128,
  const: (word: number): Code => [simd(12), [0, 1, 2, 3].map(() => littleEndian(word))],
  add: binary(simd(174)),
  mul: binary(simd(181)),
  and: binary(simd(78)),
  andNot: binary(simd(79)),
  or: binary(simd(80)),
  xor: binary(simd(81)),
  not: (a: Code): Code => [a, simd(77)],
  shl: (a: Code, bits: number): Code => [a, i32.const(bits), simd(171)],
  shr: (a: Code, bits: number): Code => [a, i32.const(bits), simd(173)],
  rotl: (a: Local, bits: number): Code => i32x4.or(i32x4.shl(a.get, bits), i32x4.shr(a.get, 32 - bits)),
  load: (address: Code, offset: number): Code => [address, simd(0), ALIGNED_16, unsigned(offset)],
  store: (address: Code, value: Code, offset: number): Code => [address, value, simd(11), ALIGNED_16, unsigned(offset)],
  /** Words picked from `a` (0 to 3) and `b` (4 to 7). */
  pick: (a: Code, b: Code, words: readonly number[]): Code => [
    a,
    b,
    simd(13),
    words.map((word) => [4 * word, 4 * word + 1, 4 * word + 2, 4 * word + 3]),
  ],
} satisfies Words & Record<string, unknown>;

/** Runs `body` once, and again as long as `again` is not 0 behind it. */
export const repeat = (body: Code, again: Code): Code => [0x03, NO_RESULT, body, again, 0x0d, 0, END];

/** Runs `body` as long as `condition` is not 0 before it. */
export const during = (condition: Code, body: Code): Code => [
  [0x02, NO_RESULT],
  [0x03, NO_RESULT, condition, 0x45, 0x0d, 1, body, 0x0c, 0, END],
  END,
];

/** A value of one type, whichever the condition. */
export const choose = (type: ValueType, condition: Code, then: Code, otherwise: Code): Code => [
  condition,
  [0x04, type],
  then,
  0x05,
  otherwise,
  END,
];

const NO_RESULT = 0x40;
const END = 0x0b;

const SECTION = { types: 1, functions: 3, memories: 5, exports: 7, code: 10 };
const EXPORT = { function: 0, memory: 2 };

/** @types/node does not declare these yet. */
declare const WebAssembly: {
  validate(binary: Uint8Array): boolean;
  Module: new (binary: Uint8Array) => object;
  Instance: new (module: object) => { exports: Record<string, unknown> };
};

interface Loaded<Name extends string> {
  memory: ArrayBuffer;
  functions: Record<Name, (...args: number[]) => void>;
}

/** Whether the processor and Node have vector instructions; old ones do not. */
export function hasVectors(): boolean {
  const probe: FunctionSource = { name: 'zero', params: 0, body: (_, local) => local(V128).set(i32x4.const(0)) };
  vectors ??= WebAssembly.validate(assemble(0, [probe]));
  return vectors;
}

let vectors: boolean | undefined;

/** Loads functions with `pages` pages of 64 KiB of memory. Takes about ten milliseconds, most of it assembling the code. */
export function load<Name extends string>(pages: number, functions: readonly FunctionSource<Name>[]): Loaded<Name> {
  const module = new WebAssembly.Module(assemble(pages, functions));
  const { memory, ...rest } = new WebAssembly.Instance(module).exports;
  return { memory: (memory as { buffer: ArrayBuffer }).buffer, functions: rest as Loaded<Name>['functions'] };
}

function assemble(pages: number, functions: readonly FunctionSource[]): Buffer {
  const types = functions.map(({ params }) => bytesOf([0x60, params, Array<Code>(params).fill(I32), 0]));
  const exports = functions.map(({ name }, i) => bytesOf([text(name), EXPORT.function, unsigned(i)]));
  return Buffer.concat([
    Buffer.from('\0asm\x01\0\0\0'),
    section(SECTION.types, types),
    section(
      SECTION.functions,
      functions.map((_, i) => bytesOf(unsigned(i))),
    ),
    section(SECTION.memories, [bytesOf([1, unsigned(pages), unsigned(pages)])]),
    section(SECTION.exports, [bytesOf([text('memory'), EXPORT.memory, 0]), ...exports]),
    section(SECTION.code, functions.map(functionBody)),
  ]);
}

function functionBody({ params, body }: FunctionSource): Buffer {
  const locals: ValueType[] = [];
  const local = (index: number): Local => ({
    get: [0x20, unsigned(index)],
    set: (value) => [value, 0x21, unsigned(index)],
  });
  const code = body(
    Array.from({ length: params }, (_, i) => local(i)),
    (type) => local(params + locals.push(type) - 1),
  );
  return sized(bytesOf([unsigned(locals.length), locals.map((type) => [1, type]), code, END]));
}

const section = (id: number, items: Buffer[]): Buffer =>
  Buffer.concat([Buffer.of(id), sized(Buffer.concat([bytesOf(unsigned(items.length)), ...items]))]);

const sized = (bytes: Buffer): Buffer => Buffer.concat([bytesOf(unsigned(bytes.length)), bytes]);

const text = (name: string): Code => [name.length, [...Buffer.from(name)]];

const bytesOf = (code: Code): Buffer => Buffer.from(flatten(code, []));

function flatten(code: Code, bytes: number[]): number[] {
  if (typeof code === 'number') bytes.push(code);
  else for (let i = 0; i < code.length; i++) flatten(code[i]!, bytes); // there are tens of thousands, and an iterator for each would be slow
  return bytes;
}

const littleEndian = (word: number): Code => [0, 8, 16, 24].map((bits) => (word >>> bits) & 0xff);

/** LEB128: seven bits a byte, the lowest first; the eighth bit says that more follow. */
function unsigned(n: number): number[] {
  return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...unsigned(n >>> 7)];
}

/** The same in two's complement: the last byte's seventh bit is the sign. */
function signed(n: number): number[] {
  const rest = n >> 7;
  const isLast = rest === (n << 25) >> 31;
  return isLast ? [n & 0x7f] : [(n & 0x7f) | 0x80, ...signed(rest)];
}

function signed64(n: bigint): number[] {
  const low = Number(n & 0x7fn);
  const isLast = n >= -64n && n < 64n;
  return isLast ? [low] : [low | 0x80, ...signed64(n >> 7n)];
}
