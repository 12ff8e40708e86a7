import type { SagaState } from '../../core/saga-value';
import type { BusinessKey } from '../../ports/saga-start';

/** Which saga has a business key. */
export interface OwnedKey {
  readonly sagaId: string;
  readonly fingerprint: string;
  /** In which it ended, once it has been deleted. */
  readonly finalState: SagaState | null;
}

/** Business keys, each unique among the sagas of one name. They outlive their sagas. */
export class InMemoryBusinessKeys {
  private readonly owners = new Map<string, OwnedKey>();

  ownerOf(sagaName: string, key: string): OwnedKey | undefined {
    return this.owners.get(keyOf(sagaName, key));
  }

  take(sagaName: string, { key, fingerprint }: BusinessKey, sagaId: string): void {
    this.owners.set(keyOf(sagaName, key), { sagaId, fingerprint, finalState: null });
  }

  /** The saga that has it is deleted. */
  outlive(sagaName: string, key: string, finalState: SagaState): void {
    const owner = this.ownerOf(sagaName, key);
    if (owner !== undefined) this.owners.set(keyOf(sagaName, key), { ...owner, finalState });
  }
}

function keyOf(sagaName: string, key: string): string {
  return `${sagaName}\u001f${key}`;
}
