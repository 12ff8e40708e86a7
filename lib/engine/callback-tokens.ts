import { SagaConfigurationError, SagaTokenError } from '../errors';
import type { OperationRef } from '../core/operation';
import type { Identity } from '../ports/identity';
import type { StoredSecret } from '../ports/saga-signal';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';

/** `ns1.<which operation, and which key signed that>.<signature>` */
const VERSION = 'ns1';
const BODY = /^(\d{1,9}):([0-9A-Z]{26}):([au])(\d{1,5}):(\d{1,9})$/;
const LONGEST = 512;
/** Tokens that were made up do not cost a read each. */
const READ_AGAIN_MS = 10_000;
/** Signs nothing: what a token is compared with that names no key. */
const NO_KEY = new Uint8Array(32);

export interface NamedByToken {
  readonly sagaId: string;
  readonly operation: OperationRef;
}

/** Makes the tokens by which operations are ended from outside, and reads them. They never appear in a log or in an error. */
export class CallbackTokens {
  private keys: readonly StoredSecret[] = [];
  private readAt = -Infinity;

  constructor(
    private readonly store: Pick<SagaStore, 'secrets'>,
    private readonly identity: Pick<Identity, 'seal' | 'isSame'>,
    private readonly scheduler: Pick<Scheduler, 'now'> = systemScheduler,
  ) {}

  async open(): Promise<void> {
    this.readAt = this.scheduler.now();
    this.keys = await this.store.secrets();
  }

  /** The same for every attempt of an operation, as long as no newer key is there. */
  tokenFor(sagaId: string, { step, direction, round }: OperationRef): string {
    const [newest] = this.keys;
    if (newest === undefined)
      throw new SagaConfigurationError(['the table "secrets" is empty, so no token can be signed: insert a key of 32 random bytes']);
    const body = `${newest.id}:${sagaId}:${direction === 'action' ? 'a' : 'u'}${step}:${round}`;
    const signed = `${VERSION}.${Buffer.from(body).toString('base64url')}`;
    return `${signed}.${this.identity.seal(signed, newest.key)}`;
  }

  /** @throws SagaTokenError */
  async read(token: unknown): Promise<NamedByToken> {
    const text = typeof token === 'string' && token.length <= LONGEST ? token : '';
    const cut = text.lastIndexOf('.');
    const signed = text.slice(0, Math.max(cut, 0));
    const [, keyId = '', sagaId = '', way, step, round] =
      BODY.exec(Buffer.from(signed.slice(VERSION.length + 1), 'base64url').toString()) ?? [];
    const key = await this.keyOf(Number(keyId));
    // Whatever is wrong, the same is done.
    const isSigned = this.identity.isSame(this.identity.seal(signed, key ?? NO_KEY), text.slice(cut + 1));
    if (!isSigned || key === null || sagaId === '' || !signed.startsWith(`${VERSION}.`)) throw new SagaTokenError();
    return { sagaId, operation: { step: Number(step), direction: way === 'a' ? 'action' : 'undo', round: Number(round) } };
  }

  /** Another process may have begun to sign with a newer key. */
  private async keyOf(id: number): Promise<Uint8Array | null> {
    const known = (): Uint8Array | undefined => this.keys.find((key) => key.id === id)?.key;
    if (known() === undefined && this.scheduler.now() - this.readAt > READ_AGAIN_MS) await this.open();
    return known() ?? null;
  }
}
