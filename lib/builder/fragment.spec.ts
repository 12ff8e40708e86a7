import { describe, expect, it } from '@jest/globals';
import { contextRef, ref } from '../core/reference';
import type { StepList } from '../core/step-spec';
import { fragment } from './fragment';

const payment: StepList = [
  { name: 'reserve', action: 'bank.reserve', input: { order: ref('create', 'id'), amount: contextRef('amount') } },
  [
    { name: 'charge', action: 'bank.charge', input: [{ of: ref('reserve', 'id') }], dependsOn: ['reserve', 'create'] },
    { name: 'each', map: { over: ref('reserve', 'parts'), action: 'bank.part' } },
    { name: 'sub', saga: { name: 's', steps: [{ name: 'reserve', action: 'x', input: ref('reserve') }] }, context: ref('reserve') },
  ],
];

describe('a fragment', () => {
  it('has its own names, wherever its steps name each other, and leaves all others', () => {
    expect(fragment('deposit', payment)).toEqual([
      { name: 'deposit.reserve', action: 'bank.reserve', input: { order: ref('create', 'id'), amount: contextRef('amount') } },
      [
        {
          name: 'deposit.charge',
          action: 'bank.charge',
          input: [{ of: ref('deposit.reserve', 'id') }],
          dependsOn: ['deposit.reserve', 'create'],
        },
        { name: 'deposit.each', map: { over: ref('deposit.reserve', 'parts'), action: 'bank.part' } },
        {
          name: 'deposit.sub',
          saga: { name: 's', steps: [{ name: 'reserve', action: 'x', input: ref('reserve') }] },
          context: ref('deposit.reserve'),
        },
      ],
    ]);
  });

  it('has its own names in conditions too, and keeps what is taken instead of an output', () => {
    const steps: StepList = [
      { name: 'check', action: 'check' },
      { name: 'check.deep', action: 'check' },
      {
        name: 'charge',
        action: 'charge',
        input: ref('check', 'limit').or(0),
        when: {
          and: [
            { path: 'outputs.check.limit', above: 0 },
            { not: { path: 'outputs.check.deep.limit', equals: 'outputs.check' } },
            {
              or: [
                { path: 'outputs.other.x', exists: true },
                { path: 'context.check', exists: true },
                { of: ref('check'), exists: true },
              ],
            },
          ],
        },
      },
    ];
    expect(fragment('a', steps)[2]).toEqual({
      name: 'a.charge',
      action: 'charge',
      input: ref('a.check', 'limit').or(0),
      when: {
        and: [
          { path: 'outputs.a.check.limit', above: 0 },
          { not: { path: 'outputs.a.check.deep.limit', equals: 'outputs.check' } },
          {
            or: [
              { path: 'outputs.other.x', exists: true },
              { path: 'context.check', exists: true },
              { of: ref('a.check'), exists: true },
            ],
          },
        ],
      },
    });
    expect(fragment('a', [{ name: 'charge', action: 'charge', when: 'mayCharge' }])).toMatchObject([{ when: 'mayCharge' }]);
  });

  it('leaves the list that it is made of as it was, so that it can be used twice', () => {
    const names = [...fragment('a', payment), ...fragment('b', payment)].flat().map(({ name }) => name);
    expect(new Set(names).size).toBe(8);
    expect(payment.flat().map(({ name }) => name)).toEqual(['reserve', 'charge', 'each', 'sub']);
    expect(payment[1]).toMatchObject([{ dependsOn: ['reserve', 'create'], input: [{ of: ref('reserve', 'id') }] }, {}, {}]);
  });
});
