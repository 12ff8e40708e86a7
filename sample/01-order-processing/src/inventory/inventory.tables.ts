// `action_key` as in the orders' table. The seed belongs to whoever boots first; a restart does not refill the shelves.
export const INVENTORY_TABLES = `
  CREATE TABLE IF NOT EXISTS shop.stock (
    product_id text PRIMARY KEY,
    quantity   integer NOT NULL CHECK (quantity >= 0)
  );
  CREATE TABLE IF NOT EXISTS shop.reservations (
    action_key  text PRIMARY KEY,
    id          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    saga_id     text NOT NULL,
    order_id    text NOT NULL,
    items       jsonb NOT NULL,
    status      text NOT NULL CHECK (status IN ('reserved', 'released', 'cancelled')),
    request_id  text,
    reserved_at timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz
  );
  INSERT INTO shop.stock (product_id, quantity) VALUES ('prod-123', 1000), ('prod-456', 50), ('prod-789', 5)
  ON CONFLICT (product_id) DO NOTHING`;
