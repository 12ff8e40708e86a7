// Small arithmetic on samples.
export function median(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {number[]} sorted */
export const quantile = (sorted, q) => sorted[Math.floor((sorted.length - 1) * q)] ?? null;

/** The median of what was measured in several rounds, and how far apart they were; null when none measured it. */
export function spread(samples) {
  const known = samples.filter((sample) => Number.isFinite(sample));
  if (known.length === 0) return null;
  return { median: round(median(known)), min: round(Math.min(...known)), max: round(Math.max(...known)) };
}

/** Three digits are more than two runs agree on. */
export function round(value) {
  if (value === 0) return 0;
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return Number(value.toFixed(Math.min(digits, 6)));
}
