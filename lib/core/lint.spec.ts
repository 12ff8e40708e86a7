import { describe, expect, it } from '@jest/globals';
import { catalogOf, type HandlerDeclaration } from './handler-declaration';
import { lintSteps, spokenFinding, type LintOptions } from './lint';
import { LINT_RULES, type LintCode } from './lint-rules';
import { AWAIT_SIGNAL, OWN_ACTIONS } from './own-actions';
import { ref } from './reference';
import { retryPolicyOf } from './retry-policy';
import type { StepList } from './step-spec';

const action = (key: string, policy: HandlerDeclaration['policy'] = {}): HandlerDeclaration => ({
  direction: 'action',
  key,
  undoes: null,
  policy,
});
const undo = (key: string, undoes: string | null = null): HandlerDeclaration => ({ direction: 'undo', key, undoes, policy: {} });
const CATALOG = catalogOf([
  ...OWN_ACTIONS,
  action('orders.create'),
  undo('orders.delete', 'orders.create'),
  action('payment.charge', { retry: retryPolicyOf({ attempts: 3 }) }),
  action('mail.send'),
  action('price.a', { sets: ['total'] }),
  action('price.b', { sets: ['total', 'tax'] }),
]);
const GOOD: StepList = [
  { name: 'create', action: 'orders.create' },
  { name: 'charge', action: 'payment.charge', compensation: null, timeoutMs: 5_000, input: { id: ref('create', 'id') } },
];

function codes(steps: StepList, options: LintOptions = {}): readonly string[] {
  return lintSteps('order', steps, CATALOG, { maxBytes: 1_000 }, options).map(
    ({ code, step }) => `${code}${step === null ? '' : ` ${step}`}`,
  );
}

describe('the linter', () => {
  it('finds nothing in a plan that is well', () => {
    expect(codes(GOOD)).toEqual([]);
  });

  const WRONG: Readonly<Partial<Record<LintCode, readonly [StepList, readonly string[]]>>> = {
    'too-many-steps': [
      Array.from({ length: 11 }, (_, n) => ({ name: `s${n}`, action: 'mail.send', compensation: null })),
      ['too-many-steps'],
    ],
    'duplicate-name': [
      [
        { name: 'a', action: 'mail.send', compensation: null },
        { name: 'a', action: 'mail.send', compensation: null, dependsOn: [] },
      ],
      ['duplicate-name a'],
    ],
    cycle: [
      [
        { name: 'a', action: 'mail.send', compensation: null, dependsOn: ['b'] },
        { name: 'b', action: 'mail.send', compensation: null },
        { name: 'c', action: 'mail.send', compensation: null },
      ],
      ['cycle a', 'cycle b'],
    ],
    'unknown-key': [[{ name: 'a', action: 'mail.sent', compensation: 'orders.delet' }], ['unknown-key a', 'unknown-key a']],
    'unstorable-input': [[{ name: 'a', action: 'mail.send', compensation: null, input: { n: Number.NaN } }], ['unstorable-input a']],
    'two-pivots': [
      [
        { name: 'a', action: 'mail.send', compensation: null, kind: 'pivot' },
        { name: 'b', action: 'mail.send', compensation: null, kind: 'pivot' },
      ],
      ['two-pivots b'],
    ],
    'missing-undo': [
      [
        { name: 'a', action: 'mail.send' },
        { name: 'b', action: 'mail.send', kind: 'pivot' },
        { name: 'c', action: 'mail.send', kind: 'retriable' },
      ],
      ['missing-undo a'],
    ],
    'retry-without-timeout': [[{ name: 'a', action: 'payment.charge', compensation: null }], ['retry-without-timeout a']],
    'wait-without-timeout': [[{ name: 'a', action: AWAIT_SIGNAL, compensation: null, input: { name: 'approved' } }], []],
    'context-race': [
      [
        [
          { name: 'a', action: 'price.a', compensation: null },
          { name: 'b', action: 'price.b', compensation: null },
        ],
        { name: 'c', action: 'price.b', compensation: null },
      ],
      ['context-race a'],
    ],
  };

  for (const { code, level } of LINT_RULES) {
    const example = WRONG[code];
    if (example === undefined || code === 'wait-without-timeout') continue;
    const [steps, expected] = example;
    it(`${code}: is found, by default as ${level}, and can be off, a warning or an error`, () => {
      expect(codes(steps)).toEqual(expected);
      const levels = (wanted: 'off' | 'warn' | 'error'): readonly string[] =>
        lintSteps('order', steps, CATALOG, { maxBytes: 1_000 }, { rules: { [code]: wanted } }).map((finding) => finding.level);
      expect(new Set(lintSteps('order', steps, CATALOG, { maxBytes: 1_000 }).map((finding) => finding.level))).toEqual(new Set([level]));
      expect(levels('off')).toEqual([]);
      expect(new Set(levels('warn'))).toEqual(new Set(['warn']));
      expect(new Set(levels('error'))).toEqual(new Set(['error']));
    });
  }

  it('counts steps up to the number that somebody sets', () => {
    expect(codes(GOOD, { maxSteps: 1 })).toEqual(['too-many-steps']);
  });

  it('says what, where and what to do in one line', () => {
    const [finding] = lintSteps('order', [{ name: 'a', action: 'mail.send' }], CATALOG, { maxBytes: 1_000 });
    expect(finding && spokenFinding(finding)).toBe(
      `saga "order", step "a": nothing undoes "mail.send": add @Compensate(…, { for: 'mail.send' }), or say compensation: null (missing-undo)`,
    );
  });
});
