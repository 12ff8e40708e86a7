import { describe, expect, it } from '@jest/globals';
import { didYouMean } from './suggestion';

describe('did you mean', () => {
  const known = ['orders.create', 'orders.delete', 'payment.charge'];

  it('names the closest known word', () => {
    expect(didYouMean('orders.crate', known)).toBe(' (did you mean "orders.create"?)');
    expect(didYouMean('payment.chrage', known)).toBe(' (did you mean "payment.charge"?)');
  });

  it('does not care about upper and lower case', () => {
    expect(didYouMean('Orders.Create', known)).toBe(' (did you mean "orders.create"?)');
  });

  it('says nothing when nothing is close', () => {
    expect(didYouMean('inventory.reserve', known)).toBe('');
    expect(didYouMean('x', [])).toBe('');
  });

  it('forgives two slips even in a short word', () => {
    expect(didYouMean('nmae', ['name'])).toBe(' (did you mean "name"?)');
  });
});
