import { SagaInputError } from '../errors';
import { toJson } from '../core/json';
import { knownFields } from '../core/known-fields';
import type { OrderedBy } from '../ports/paused-action';

/** Who orders something, and why: both end up in the history. */
export interface OrderOptions {
  /** Why. Up to 1,000 bytes. Default: none. */
  readonly reason?: string;
  /** Who asks. Up to 1,000 bytes. Default: nobody is named. */
  readonly actor?: string;
}

const LONGEST_TEXT = 1_000;

/** @throws SagaInputError */
export function orderedBy(options: unknown): OrderedBy {
  const { reason, actor } = knownFields(options, 'options', ['reason', 'actor']);
  return { reason: textOf(reason, 'reason'), actor: textOf(actor, 'actor') };
}

function textOf(text: unknown, name: string): string | null {
  if (text === undefined) return null;
  const checked = toJson(text, `options.${name}`, { maxBytes: LONGEST_TEXT });
  if (typeof checked !== 'string') throw new SagaInputError(`options.${name}`, '', 'must be a text');
  return checked;
}
