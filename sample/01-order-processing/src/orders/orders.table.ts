// `action_key` is the idempotency key of the action: one row for each action, however often it is tried, and also when its undo
// came first (then the row says `cancelled`, and a late action finds it).
export const ORDERS_TABLE = `
  CREATE TABLE IF NOT EXISTS shop.orders (
    action_key   text PRIMARY KEY,
    id           uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    saga_id      text NOT NULL,
    customer_id  text NOT NULL,
    items        jsonb NOT NULL,
    amount_cents integer NOT NULL CHECK (amount_cents > 0),
    status       text NOT NULL CHECK (status IN ('created', 'deleted', 'cancelled')),
    request_id   text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz
  )`;
