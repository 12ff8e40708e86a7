import { BadRequestException } from '@nestjs/common';
import { problemOfText } from '../plain-text';
import type { NewOrder, OrderItem } from './order';

const MOST_ITEMS = 100;
const MOST_UNITS = 1_000_000;
const HIGHEST_AMOUNT = 1_000_000;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the body of `POST /orders`.
 *
 * @throws BadRequestException whose `problems` name every field that is wrong
 */
export function parseOrder(body: unknown): NewOrder {
  if (!isRecord(body)) throw refusal(['body must be a JSON object: { customerId, items, amount, paymentMethod }']);
  const { customerId, items, amount, paymentMethod } = body;
  const problems = [
    ...named('customerId', problemOfText(customerId)),
    ...problemsOfItems(items),
    ...named('amount', problemOfAmount(amount)),
    ...named('paymentMethod', problemOfText(paymentMethod)),
  ];
  if (problems.length > 0) throw refusal(problems);
  return {
    customerId: customerId as string,
    items: (items as readonly OrderItem[]).map(({ productId, quantity }) => ({ productId, quantity })),
    // Money is counted in whole cents from here on: 0.1 + 0.2 is not 0.3.
    amountCents: Math.round((amount as number) * 100),
    paymentMethod: paymentMethod as string,
  };
}

function problemsOfItems(items: unknown): readonly string[] {
  if (!Array.isArray(items) || items.length === 0) return ['items must be a list with at least one { productId, quantity }'];
  if (items.length > MOST_ITEMS) return [`items must be at most ${MOST_ITEMS}`];
  return items.flatMap((item: unknown, place) => {
    if (!isRecord(item)) return [`items[${place}] must be an object { productId, quantity }`];
    return [
      ...named(`items[${place}].productId`, problemOfText(item['productId'])),
      ...named(`items[${place}].quantity`, problemOfQuantity(item['quantity'])),
    ];
  });
}

function problemOfQuantity(value: unknown): string | null {
  const isRight = Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_UNITS;
  return isRight ? null : `must be a whole number from 1 to ${MOST_UNITS}`;
}

function problemOfAmount(value: unknown): string | null {
  if (typeof value !== 'number' || !(value > 0) || value > HIGHEST_AMOUNT) return `must be a number above 0, up to ${HIGHEST_AMOUNT}`;
  return Math.round(value * 100) / 100 === value ? null : 'must have at most 2 decimals';
}

function named(field: string, problem: string | null): readonly string[] {
  return problem === null ? [] : [`${field} ${problem}`];
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(problems: readonly string[]): BadRequestException {
  return new BadRequestException({ statusCode: 400, message: 'the order cannot be accepted', problems });
}
