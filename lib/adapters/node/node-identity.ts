import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { monotonicFactory } from 'ulid';
import type { Identity } from '../../ports/identity';

/** Monotonic ULIDs and SHA-256. Ids carry this process's clock, so nothing is ever ordered by them. */
export class NodeIdentity implements Identity {
  readonly worker = `${hostname()}:${process.pid}`;
  private readonly next = monotonicFactory();

  newId(): string {
    return this.next();
  }

  digest(text: string): string {
    return createHash('sha256').update(text, 'utf8').digest('base64url');
  }
}
