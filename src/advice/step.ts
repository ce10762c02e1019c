// A step of a migration that an operator takes next: a command, and what is to be known about it. Told in one sentence, or field by field.

export interface NextStep {
  /** What a person has to do before, which is no command of this host: `stop the service on the source`. */
  first?: string;
  /** `lm copy --threshold 1.0` */
  command: string;
  /** It was run before, and is run as it was then. */
  again?: true;
  /** `on both hosts` */
  where?: string;
  /** `which DOES` */
  does?: string;
  because?: string;
  /** When, or with what: `with --adopt if …` */
  given?: string;
  /** What comes after it. */
  after?: string;
  note?: string;
}

/** `stop the service on the source, then lm copy again; what was copied is kept` */
export function stepText({ first, command, again, where, does, because, given, after, note }: NextStep): string {
  const what = [
    command,
    again ? ' again' : '',
    where === undefined ? '' : ` ${where}`,
    does === undefined ? '' : `, which ${does}`,
    because === undefined ? '' : ` (${because})`,
    given === undefined ? '' : `, ${given}`,
  ].join('');
  const steps = [first, what, after].filter((one) => one !== undefined).join(', then ');
  return note === undefined ? steps : `${steps}; ${note}`;
}

/** What the step says beside what is to be done, for an explanation of its own. */
export const remarksOf = ({ where, does, because, given, after, note }: NextStep): string[] =>
  [where, does && `it ${does}`, because, given, after && `then ${after}`, note].filter((one) => one !== undefined);

export const KEPT = 'what was copied is kept';
