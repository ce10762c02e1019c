// What is said where the pressure on the disks cannot be known.

/** `what`: that nothing yields, and where. `why`: of `YieldState`. */
export const noPressureText = (what: string, why: string, limit: number | undefined): string =>
  `${what}: ${why}; ${limit === undefined ? 'there is no --limit-rate that would hold in its place' : '--limit-rate alone holds'}`;
