import { ShopClient, type SagaReply } from './shop.client';

const PRODUCT = 'prod-123';

/** Places one order that succeeds and one whose card is declined, and tells what became of each. */
export async function showTwoOrders(url: string): Promise<void> {
  const shop = new ShopClient(url);
  console.log(await story(shop, 'An order that succeeds', 'card-456'));
  console.log(await story(shop, 'An order whose card is declined', 'card-declined'));
}

async function story(shop: ShopClient, title: string, paymentMethod: string): Promise<string> {
  const before = await shop.stockOf(PRODUCT);
  const sagaId = await shop.place({ customerId: 'cust-789', items: [{ productId: PRODUCT, quantity: 2 }], amount: 99.99, paymentMethod });
  const saga = await shop.outcomeOf(sagaId);
  const after = await shop.stockOf(PRODUCT);
  const payment = await shop.paymentOf(sagaId);
  return [
    `\n${title}: saga ${sagaId} is ${saga.state}`,
    ...timeline(saga),
    `  stock    ${before ?? '?'} of ${PRODUCT} before, ${after ?? '?'} after`,
    `  payment  none before, ${payment === undefined ? 'none' : `${payment.amount.toFixed(2)} ${payment.status}`} after`,
  ].join('\n');
}

function timeline({ createdAt, completedAt, steps }: SagaReply): readonly string[] {
  const at = (time: string | null): string => {
    const ms = time === null ? '' : `+${Date.parse(time) - Date.parse(createdAt)} ms`;
    return `  ${ms.padStart(9)}  `;
  };
  return [
    ...steps.map(({ name, status, executedAt, error }) => {
      const why = error === null ? '' : `  ${error.code}: ${error.message}`;
      return `${at(executedAt)}${name.padEnd(18)}  ${status.padEnd(11)}${why}`.trimEnd();
    }),
    `${at(completedAt)}the end`,
  ];
}
