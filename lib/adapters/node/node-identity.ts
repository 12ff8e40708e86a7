import { createHash, randomInt } from 'node:crypto';
import { hostname } from 'node:os';
import { monotonicFactory } from 'ulid';
import type { Identity } from '../../ports/identity';

/** Monotonic ULIDs and SHA-256. Ids carry this process's clock, so nothing is ever ordered by them. */
export class NodeIdentity implements Identity {
  readonly worker = `${hostname()}:${process.pid}`;
  private readonly next = monotonicFactory();
  private readonly lane = crockford() + crockford();

  /** The lane stands where the random part begins: what is counted up within a millisecond is at the other end, and stays unique. */
  newId(): string {
    const id = this.next();
    return id.slice(0, 10) + this.lane + id.slice(12);
  }

  digest(text: string): string {
    return createHash('sha256').update(text, 'utf8').digest('base64url');
  }
}

function crockford(): string {
  return '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.charAt(randomInt(32));
}
