export interface OrderItem {
  readonly productId: string;
  readonly quantity: number;
}

/** An order as a customer sends it, checked. */
export interface NewOrder {
  readonly customerId: string;
  readonly items: readonly OrderItem[];
  readonly amountCents: number;
  readonly paymentMethod: string;
}

/** What every step of an order's saga can see. */
export interface OrderContext {
  readonly customerId: string;
}
