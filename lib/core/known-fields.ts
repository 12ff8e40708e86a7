import { SagaInputError } from '../errors';
import { jsonPointer } from './json';
import { quoted } from './names';
import { didYouMean } from './suggestion';

/**
 * The fields of an options object, all of them known ones: an option that nobody reads is an option that was misspelt.
 *
 * @throws SagaInputError
 */
export function knownFields(value: unknown, what: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new SagaInputError(what, '', `must be an object with ${known.join(', ')}`);
  for (const field of Object.keys(value)) {
    if (!known.includes(field)) throw new SagaInputError(what, jsonPointer([field]), `there is no such field${didYouMean(field, known)}`);
  }
  return value;
}

/** The same for options that are read at boot, where every problem is wanted at once. */
export function optionsProblems(what: string, options: unknown, known: readonly string[]): string[] {
  if (!isRecord(options)) return [`${what} takes an object with ${known.join(', ')}, not ${quoted(options)}`];
  return unknownFieldProblems(options, known).map((problem) => `${what}: ${problem}`);
}

export function unknownFieldProblems(options: object, known: readonly string[]): string[] {
  const unknown = Object.keys(options).filter((field) => !known.includes(field));
  return unknown.map((field) => `there is no option ${quoted(field)}${didYouMean(field, known)}`);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
