import { setTimeout as pause } from 'node:timers/promises';

export interface SagaReply {
  readonly sagaId: string;
  readonly state: string;
  readonly createdAt: string;
  readonly completedAt: string | null;
  readonly steps: readonly {
    readonly name: string;
    readonly status: string;
    readonly executedAt: string | null;
    readonly error: { readonly code: string; readonly message: string } | null;
  }[];
}

const OPEN_STATES: readonly string[] = ['started', 'compensating'];
const POLL_MS = 25;
const PATIENCE_MS = 60_000;

/** The shop as its customers see it: over HTTP, and nothing else. */
export class ShopClient {
  constructor(private readonly url: string) {}

  async place(order: object): Promise<string> {
    const headers = { 'content-type': 'application/json', 'x-request-id': 'demo' };
    const response = await fetch(`${this.url}/orders`, { method: 'POST', headers, body: JSON.stringify(order) });
    if (response.status !== 202) throw new Error(`the shop answered ${response.status}: ${await response.text()}`);
    return ((await response.json()) as { readonly sagaId: string }).sagaId;
  }

  /** Asks until the saga has ended. */
  async outcomeOf(sagaId: string): Promise<SagaReply> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const saga = await this.get<SagaReply>(`/sagas/${sagaId}`);
      if (saga !== undefined && !OPEN_STATES.includes(saga.state)) return saga;
      if (Date.now() > deadline) throw new Error(`saga ${sagaId} is still ${saga?.state ?? 'unknown'}`);
      await pause(POLL_MS);
    }
  }

  async stockOf(productId: string): Promise<number | undefined> {
    return (await this.get<{ readonly quantity: number }>(`/inventory/${productId}`))?.quantity;
  }

  async paymentOf(sagaId: string): Promise<{ readonly amount: number; readonly status: string } | undefined> {
    return this.get(`/payments/${sagaId}`);
  }

  /** undefined: there is no such thing. */
  private async get<T>(path: string): Promise<T | undefined> {
    const response = await fetch(this.url + path);
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`the shop answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }
}
