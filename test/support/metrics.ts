// Reads Prometheus' text format as far as lm writes it.

/** By name and labels as they stand: `lm_phase{migration="m",command="copy",phase="SUCCESS"}`. */
export type Samples = Record<string, number>;

export function samplesIn(text: string): Samples {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** `{ lm_pass: 1, … }` of one run: without the labels that all its samples have, and those that are 0. */
export function ofRun(text: string, migration: string, command: 'copy' | 'verify'): Samples {
  const common = `migration="${migration}",command="${command}"`;
  const own = Object.entries(samplesIn(text)).map(([name, value]) => {
    if (!name.includes(common)) throw new Error(`${name} has not ${common}`);
    return [name.replace(common, '').replace('{,', '{').replace('{}', ''), value] as const;
  });
  return Object.fromEntries(own.filter(([, value]) => value !== 0));
}
