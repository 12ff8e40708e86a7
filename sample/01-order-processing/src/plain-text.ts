const LONGEST = 100;

/** Why this is no text that a customer can mean and PostgreSQL can keep, or null. */
export function problemOfText(value: unknown): string | null {
  if (typeof value !== 'string') return 'must be a text';
  if (value.trim() === '') return 'must not be empty';
  if (value.length > LONGEST) return `must have at most ${LONGEST} characters`;
  if (/[\u0000-\u001f\u007f]/.test(value) || !value.isWellFormed()) return 'must not contain control characters';
  return null;
}
