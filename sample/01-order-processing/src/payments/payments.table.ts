// `action_key` as in the orders' table.
export const PAYMENTS_TABLE = `
  CREATE TABLE IF NOT EXISTS shop.payments (
    action_key     text PRIMARY KEY,
    id             uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    saga_id        text NOT NULL UNIQUE,
    order_id       text NOT NULL,
    customer_id    text NOT NULL,
    amount_cents   integer NOT NULL CHECK (amount_cents > 0),
    payment_method text NOT NULL,
    status         text NOT NULL CHECK (status IN ('charged', 'refunded', 'cancelled')),
    request_id     text,
    charged_at     timestamptz NOT NULL DEFAULT now(),
    refunded_at    timestamptz
  )`;
