import { createHash, createHmac, randomFillSync, randomInt, timingSafeEqual } from 'node:crypto';
import { hostname } from 'node:os';
import { incrementBase32, ulid } from 'ulid';
import type { Identity } from '../../ports/identity';

/** Monotonic ULIDs, SHA-256 and HMAC-SHA256. Ids carry this process's clock, so nothing is ever ordered by them. */
export class NodeIdentity implements Identity {
  readonly worker = `${hostname()}:${process.pid}`;
  private readonly draw = drawnAtOnce();
  private readonly lane = crockford() + crockford();
  private madeAt = 0;
  private head = '';
  private tail = '';

  /** The lane stands where the random part begins: what is counted up, until the clock has moved on, is at the other end. */
  newId(): string {
    const now = Date.now();
    if (now <= this.madeAt) {
      this.tail = incrementBase32(this.tail);
    } else {
      const id = ulid(now, this.draw);
      this.madeAt = now;
      this.head = id.slice(0, 10) + this.lane;
      this.tail = id.slice(12);
    }
    return this.head + this.tail;
  }

  seal(text: string, key: Uint8Array): string {
    return createHmac('sha256', key).update(text, 'utf8').digest('base64url');
  }

  isSame(one: string, other: string): boolean {
    const [a, b] = [createHash('sha256').update(one, 'utf8').digest(), createHash('sha256').update(other, 'utf8').digest()];
    return timingSafeEqual(a, b); // of equal length, whatever came in
  }

  digest(text: string): string {
    return createHash('sha256').update(text, 'utf8').digest('base64url');
  }
}

/** A ULID takes sixteen random numbers, and to ask the system for each of them costs more than all the rest of it. */
function drawnAtOnce(): () => number {
  const bytes = new Uint8Array(1_024);
  let used = bytes.length;
  return () => {
    if (used === bytes.length) {
      randomFillSync(bytes);
      used = 0;
    }
    return (bytes[used++] ?? 0) / 256;
  };
}

function crockford(): string {
  return '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.charAt(randomInt(32));
}
