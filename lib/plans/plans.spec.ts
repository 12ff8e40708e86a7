import { describe, expect, it } from '@jest/globals';
import { SagaPlanError } from '../errors';
import { defineSaga } from '../builder/define-saga';
import { ref } from '../core/reference';
import { Compensate, SagaDefinition, SagaStep } from '../decorators';
import { lintPlan, toMermaid, undoTable, undoTableText } from '.';

class Handlers {
  @SagaStep('flights.book') bookFlight(): void {}
  @Compensate('flights.cancel', { for: 'flights.book' }) cancelFlight(): void {}
  @SagaStep('hotels.book') bookHotel(): void {}
  @Compensate('hotels.cancel', { for: 'hotels.book' }) cancelHotel(): void {}
  @SagaStep('payment.charge') charge(): void {}
  @SagaStep('mail.send') mail(): void {}
}

const trip = {
  name: 'trip',
  steps: [
    [
      { name: 'flight', action: 'flights.book' },
      { name: 'hotel', action: 'hotels.book' },
    ],
    { name: 'charge', action: 'payment.charge', kind: 'pivot' },
    { name: 'mail', action: 'mail.send', kind: 'optional' },
  ],
} as const;

@SagaDefinition({ name: 'order' })
class OrderSaga {
  @SagaStep('create') create(): void {}
  @Compensate('create') undoCreate(): void {}
  @SagaStep('ship') ship(): void {}
}

@SagaDefinition({ name: 'on_purpose' })
class OnPurpose {
  @SagaStep('look', { compensation: null }) look(): void {}
}

describe('a plan as a Mermaid flowchart', () => {
  it('shows steps, what they wait for, their undos and their kinds', () => {
    expect(toMermaid(trip, { handlers: [Handlers] })).toBe(`flowchart TD
  start(["trip"])
  s1["flight<br/>flights.book<br/>undo: flights.cancel"]
  s2["hotel<br/>hotels.book<br/>undo: hotels.cancel"]
  s3{{"charge<br/>payment.charge"}}
  s4["mail<br/>mail.send"]
  start --> s1
  start --> s2
  s1 --> s3
  s2 --> s3
  s3 --> s4
  classDef optional stroke-dasharray: 5 5
  class s4 optional
`);
  });

  it('escapes what Mermaid would read as its own', () => {
    expect(toMermaid({ name: 'a', steps: [{ name: 'b', action: 'c', when: { path: 'context.a', equals: '<"#' } }] as never })).toContain(
      '-- "if {#34;path#34;:#34;context.a#34;,#34;equals#34;:#34;#60;\\#34;#35;#34;}" -->',
    );
  });

  it('is made of what defineSaga() made, and of a class', () => {
    expect(toMermaid(defineSaga('built').step('a', { action: 'x' }))).toContain('s1["a<br/>x"]');
    expect(toMermaid(OrderSaga)).toContain('s1["create<br/>order.create<br/>undo: order.create"]');
  });

  it('refuses what is no plan, and a class that is none', () => {
    expect(() => toMermaid({ name: 'x', steps: [] })).toThrow(SagaPlanError);
    expect(() => toMermaid(Handlers)).toThrow('it has no @SagaDefinition');
  });
});

describe('a step that runs others', () => {
  const hotels = {
    name: 'hotels',
    steps: [
      { name: 'ask', action: 'hotels.ask', compensation: null },
      { name: 'reserve', action: 'hotels.book' },
      { name: 'pay', action: 'payment.charge', compensation: 'payment.refund' },
    ],
  } as const;
  const plan = {
    name: 'tour',
    steps: [
      { name: 'stay', saga: hotels },
      { name: 'calm', sleepMs: 1_000 },
      { name: 'seats', map: { over: [1, 2], action: 'flights.book' } },
      { name: 'mail', action: 'mail.send', compensation: null },
    ],
  } as const;

  it('names the steps that it runs, and what undoes them', () => {
    const picture = toMermaid(plan, { handlers: [Handlers] });
    expect(picture).toContain('s1["stay<br/>saga hotels: ask, reserve, pay<br/>undo: payment.refund, hotels.cancel in hotels"]');
    expect(picture).toContain('s2["calm<br/>sleep"]');
    expect(picture).toContain('s3["seats<br/>flights.book for each item<br/>undo: flights.cancel in tour.seats"]');
  });

  it('has a row in the table of undos, and a pause has none, for it cannot fail', () => {
    expect(undoTableText(plan, { handlers: [Handlers] })).toBe(`| if this fails | these undos run |
|---|---|
| stay | nothing to undo |
| seats | payment.refund, hotels.cancel in hotels |
| mail | flights.cancel in tour.seats, then payment.refund, hotels.cancel in hotels |
`);
  });

  it('says so when there is nothing in it to undo', () => {
    const [, ...rest] = plan.steps;
    const harmless = { name: 'stay', saga: { name: 'look', steps: [hotels.steps[0]] } };
    expect(toMermaid({ name: 'tour', steps: [harmless, ...rest] })).toContain('undo: nothing in look');
  });
});

describe('the table of undos', () => {
  it('says for each step what is undone, in which order, when it fails', () => {
    expect(undoTableText(trip, { handlers: [Handlers] })).toBe(`| if this fails | these undos run |
|---|---|
| flight | (hotels.cancel) |
| hotel | (flights.cancel) |
| charge | hotels.cancel + flights.cancel |
| mail | the saga goes on |
`);
  });

  it('undoes a step after everything that was built on it', () => {
    const chain = defineSaga('chain')
      .step('a', { action: 'a', compensation: 'undo.a' })
      .step('b', { action: 'b', compensation: 'undo.b' })
      .step('c', { action: 'c', compensation: 'undo.c', compensateOnFailure: true });
    const row = undoTable(chain).find(({ step }) => step === 'c');
    expect(row?.waves.map((wave) => wave.map(({ undo }) => undo))).toEqual([['undo.c'], ['undo.b'], ['undo.a']]);
  });
});

describe('lintPlan', () => {
  it('asks for handlers only when it is told which there are', () => {
    expect(lintPlan(defineSaga('a').step('x', { action: 'mail.sent', compensation: null }))).toEqual([]);
    const findings = lintPlan(defineSaga('a').step('x', { action: 'mail.sent', compensation: null }), { handlers: [Handlers] });
    expect(findings).toMatchObject([{ code: 'unknown-key', message: expect.stringContaining('did you mean "mail.send"?') }]);
  });

  it('asks for the undo of a method in a class, unless it says that there is none on purpose', () => {
    expect(lintPlan(OrderSaga)).toMatchObject([{ code: 'missing-undo', step: 'ship' }]);
    expect(lintPlan(OnPurpose)).toEqual([]);
  });

  it('finds what else a start would refuse: rules of pivots, and references to what there is not', () => {
    const steps = [
      { name: 'charge', action: 'payment.charge', kind: 'pivot', compensation: 'payment.refund' },
      { name: 'mail', action: 'mail.send', compensation: null, input: { id: ref('chrage', 'id') } },
      { name: 'log', action: 'mail.send', kind: 'optional', when: { path: 'outputs.nothing', equals: 1 } },
    ] as const;
    const spoken = lintPlan({ name: 'a', steps }).map(({ code, level, step, message }) => `${code} ${level} ${step}: ${message}`);
    expect(spoken).toEqual([
      expect.stringMatching(/^refused error log: .*nothing/),
      expect.stringMatching(/^refused error charge: its compensation "payment.refund" is never run/),
      expect.stringMatching(/^refused error mail: it comes after the pivot "charge", so it must be retriable or optional/),
      expect.stringMatching(/^refused error mail: .*chrage.*did you mean "charge"/),
    ]);
  });

  it('finds it in the sagas of its steps too', () => {
    const child = { name: 'child', steps: [{ name: 'x', action: 'x', compensation: null, input: ref('y') }] };
    expect(lintPlan({ name: 'a', steps: [{ name: 'kid', saga: child }] })).toMatchObject([
      { code: 'refused', saga: 'a', step: null, message: expect.stringContaining('step "kid" > step "x"') },
    ]);
  });

  it('says nothing twice', () => {
    const cycle = [
      { name: 'a', action: 'x', compensation: null, dependsOn: ['b'] },
      { name: 'b', action: 'x', compensation: null, dependsOn: ['a'] },
    ];
    expect(lintPlan({ name: 'a', steps: cycle }).map(({ code }) => code)).toEqual(['cycle', 'cycle']);
  });
});
