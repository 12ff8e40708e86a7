import { until } from './until';

export interface OrderBody {
  readonly customerId: string;
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
  readonly amount: number;
  readonly paymentMethod: string;
}

export interface SagaBody {
  readonly sagaId: string;
  readonly name: string;
  readonly state: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly completedAt: string | null;
  readonly steps: readonly {
    readonly id: string;
    readonly name: string;
    readonly action: string;
    readonly status: string;
    readonly executedAt: string | null;
    readonly error: { readonly code: string; readonly message: string } | null;
  }[];
}

export interface Reply<T> {
  readonly status: number;
  readonly body: T;
}

const GOOD_ORDER: OrderBody = {
  customerId: 'cust-789',
  items: [{ productId: 'prod-123', quantity: 2 }],
  amount: 99.99,
  paymentMethod: 'card-456',
};

/** An order that succeeds, unless `but` says otherwise. */
export function anOrder(but: Partial<OrderBody> = {}): OrderBody {
  return { ...GOOD_ORDER, ...but };
}

/** A server of the shop, seen from outside. */
export class ShopHttp {
  constructor(readonly url: string) {}

  async get<T>(path: string): Promise<Reply<T>> {
    return this.ask<T>('GET', path);
  }

  async post<T>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply<T>> {
    return this.ask<T>('POST', path, body, headers);
  }

  /** Places an order and returns the id of its saga. */
  async place(order: OrderBody, headers: Record<string, string> = {}): Promise<string> {
    const { status, body } = await this.post<{ readonly sagaId: string }>('/orders', order, headers);
    if (status !== 202) throw new Error(`the order was answered with ${status}: ${JSON.stringify(body)}`);
    return body.sagaId;
  }

  /** The saga, once it has ended or is stuck. */
  async ended(sagaId: string, withinMs?: number): Promise<SagaBody> {
    const ask = async (): Promise<SagaBody | undefined> => {
      const { body } = await this.get<SagaBody>(`/sagas/${sagaId}`);
      return ['started', 'compensating'].includes(body.state) ? undefined : body;
    };
    return until(`the end of saga ${sagaId}`, ask, withinMs);
  }

  private async ask<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply<T>> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(this.url + path, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: text }),
    });
    return { status: response.status, body: (await response.json()) as T };
  }
}
