import { isSagaId, isValidName } from '../../core/names';
import type { WakeUp } from '../../ports/message-transport';

export const CONTENT_TYPE = 'application/json';
const VERSION = 1;
const MAX_BYTES = 4_096;
const FIELDS = ['v', 'saga', 'step', 'direction', 'round', 'key'];

/** A message as it came, before anybody trusts it. */
export interface InboundMessage {
  readonly content: Uint8Array;
  readonly properties: { readonly contentType?: unknown; readonly contentEncoding?: unknown };
}

export type Decoded = { readonly wakeUp: WakeUp } | { readonly unreadable: string };

/**
 * The body of a wake-up: ids only, so that a forged one is as harmless as a doubled one. Everything that is not exactly that is
 * refused, and headers are never read: what a stranger writes must not choose a route, a delay or a reply address.
 */
export class MessageCodec {
  encode({ sagaId, operation, key }: WakeUp): Buffer {
    const { step, direction, round } = operation;
    return Buffer.from(JSON.stringify({ v: VERSION, saga: sagaId, step, direction, round, key }));
  }

  decode({ content, properties }: InboundMessage): Decoded {
    if (properties.contentType !== CONTENT_TYPE) return { unreadable: `content-type is not ${CONTENT_TYPE}` };
    if (properties.contentEncoding !== undefined && properties.contentEncoding !== '') {
      return { unreadable: 'content-encoding is set; nothing is ever decompressed here' };
    }
    if (content.byteLength > MAX_BYTES) return { unreadable: `body is larger than ${MAX_BYTES} bytes` };
    const text = textOf(content);
    if (text === null) return { unreadable: 'body is not UTF-8' };
    const envelope = objectOf(text);
    return envelope === null ? { unreadable: 'body is not a JSON object' } : wakeUpOf(envelope);
  }
}

function wakeUpOf(envelope: Record<string, unknown>): Decoded {
  const { v, saga, step, direction, round, key } = envelope;
  if (v !== VERSION) return { unreadable: `envelope version is not ${VERSION}` };
  if (Object.keys(envelope).some((field) => !FIELDS.includes(field))) return { unreadable: 'envelope has a field that is not known' };
  if (!isSagaId(saga)) return { unreadable: 'envelope field "saga" is not a ULID' };
  if (!isCount(step)) return { unreadable: 'envelope field "step" is not a place' };
  if (!isCount(round)) return { unreadable: 'envelope field "round" is not a number of a round' };
  if (direction !== 'action' && direction !== 'undo') return { unreadable: 'envelope field "direction" is not action or undo' };
  if (!isValidName(key)) return { unreadable: 'envelope field "key" is not a name' };
  return { wakeUp: { sagaId: saga, operation: { step, direction, round }, key } };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0x7fff_ffff;
}

// A byte order mark is kept, and then refused by JSON.parse.
function textOf(content: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return null;
  }
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
