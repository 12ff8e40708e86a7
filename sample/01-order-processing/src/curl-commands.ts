/** An order that succeeds and one that is turned back, to paste into a terminal. */
export function curlCommands(url: string): string {
  const order = (paymentMethod: string): object => ({
    customerId: 'cust-789',
    items: [{ productId: 'prod-123', quantity: 2 }],
    amount: 99.99,
    paymentMethod,
  });
  const curl = (paymentMethod: string): string =>
    `curl -s ${url}/orders -H 'Content-Type: application/json' -H 'X-Request-ID: req-1' -d '${JSON.stringify(order(paymentMethod))}'`;
  return [
    curl('card-456'),
    curl('card-declined'),
    `Then ask for ${url}/sagas/<sagaId>, or watch it: curl -sN ${url}/sagas/<sagaId>/progress`,
  ].join('\n');
}
