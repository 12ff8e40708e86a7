import { SagaInputError } from '../errors';
import { jsonPointer, toJson, type Json } from '../core/json';
import { isRecord, knownFields } from '../core/known-fields';
import { isValidName, NAME_RULE, quoted } from '../core/names';

export interface PublishOptions {
  /** Of the payload's shape, so that listeners can tell an old one from a new one. A whole number above 0. Default: 1. */
  readonly version?: number;
  /** The caller's transaction (TypeORM: its EntityManager): the event is announced if and only if that commits. */
  readonly manager?: unknown;
  /** Which thing the event is about, such as an order's id. Up to 200 characters. Default: the event's own id. */
  readonly key?: string;
  /** What kind of thing it is about, such as `order`. Default: the event's type. */
  readonly aggregate?: string;
  /** Texts for whoever reads the message without its payload. Up to 4,096 bytes altogether. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type CheckedPublishOptions = Omit<Required<PublishOptions>, 'key' | 'aggregate'> & Pick<PublishOptions, 'key' | 'aggregate'>;

const FIELDS = Object.keys({ version: true, manager: true, key: true, aggregate: true, headers: true } satisfies Record<
  keyof PublishOptions,
  true
>);
const LONGEST_KEY = 200;
const HIGHEST_VERSION = 0x7fff_ffff;
/** All headers of a message must fit into one frame, or the broker closes the whole connection. */
const HEADER_BYTES = 4_096;

/** @throws SagaInputError */
export function eventTypeOf(type: unknown): string {
  if (isValidName(type)) return type;
  throw new SagaInputError('type of the event', '', `${quoted(type)} is not ${NAME_RULE}`);
}

/** @throws SagaInputError: an option that is overlooked can cost a caller its transaction */
export function publishOptionsOf(options: unknown): CheckedPublishOptions {
  const { version = 1, manager, key, aggregate, headers = {} } = knownFields(options, 'options', FIELDS);
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1 || version > HIGHEST_VERSION)
    return refuse('/version', 'must be a whole number above 0');
  if (manager !== undefined && !isRecord(manager))
    return refuse('/manager', 'must be the EntityManager of an open transaction; leave it out to publish in a transaction of its own');
  if (aggregate !== undefined && !isValidName(aggregate)) return refuse('/aggregate', `${quoted(aggregate)} is not ${NAME_RULE}`);
  return {
    version,
    manager,
    headers: headersOf(headers),
    ...(key === undefined ? {} : { key: keyOf(key) }),
    ...(aggregate === undefined ? {} : { aggregate }),
  };
}

function keyOf(key: unknown): string {
  if (typeof key !== 'string' || key === '') return refuse('/key', 'must be a text with at least one character');
  if (key.length > LONGEST_KEY) return refuse('/key', `${key.length} characters are more than ${LONGEST_KEY}`);
  toJson(key, 'options.key', { maxBytes: Infinity });
  return key;
}

function headersOf(given: unknown): Readonly<Record<string, string>> {
  const headers: Json = toJson(given, 'options.headers', { maxBytes: HEADER_BYTES });
  if (!isRecord(headers)) return refuse('/headers', 'must be an object of texts');
  for (const [name, value] of Object.entries(headers)) {
    const path = `/headers${jsonPointer([name])}`;
    if (!isValidName(name)) return refuse(path, `the name of a header must be ${NAME_RULE}`);
    if (BELONGS_TO_OTHERS.test(name)) return refuse(path, 'the broker, or this package, gives this header a meaning; use another name');
    if (typeof value !== 'string') return refuse(path, 'must be a text');
  }
  return headers as Readonly<Record<string, string>>;
}

/** CC and BCC would choose more routes for the message; a name in `x-` could be a command to the broker. */
const BELONGS_TO_OTHERS = /^(x-.*|b?cc)$/i;

function refuse(path: string, reason: string): never {
  throw new SagaInputError('options', path, reason);
}
