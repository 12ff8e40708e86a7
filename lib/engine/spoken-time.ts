const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** A duration as people say it: `40 s`, `3 min`. */
export function spoken(ms: number): string {
  for (const [unit, name] of UNITS) if (ms >= unit * 1.5 || (ms >= unit && name === 's')) return `${Math.round(ms / unit)} ${name}`;
  return `${Math.max(0, Math.round(ms))} ms`;
}
