import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Compensate, type SagaModuleOptions, SagaNotFoundError, SagaStep, type SagaStreamEvent, StepError } from 'nest-saga';
import { filter, firstValueFrom, from, map } from 'rxjs';
import { Gate } from './results/gate';
import { bootSagaApp, closeApps, freshName, type SagaApp } from './saga-app';

let namespace: string;
let gate: Gate;

beforeEach(() => {
  namespace = freshName();
  gate = new Gate();
});

afterEach(async () => {
  gate.open();
  await closeApps();
});

@Injectable()
class Work {
  @SagaStep('do') do() {}
  @Compensate('undo', { for: 'do' }) undo() {}
  @SagaStep('gated') async gated() {
    await gate.pass();
  }
  @SagaStep('skip') skip(_input: unknown, ctx: { skip(reason: string): unknown }) {
    return ctx.skip('nothing to do');
  }
  @SagaStep('twice', { retry: { attempts: 2, baseMs: 1 } }) twice(_input: unknown, ctx: { readonly attempt: number }) {
    if (ctx.attempt === 1) throw new StepError({ code: 'BUSY', message: 'try again' });
  }
  @SagaStep('refuse') refuse() {
    throw new StepError({ code: 'LIMIT', message: 'over the limit', retryable: false });
  }
}

const boot = (options: Partial<SagaModuleOptions> = {}): Promise<SagaApp> =>
  bootSagaApp({ namespace, providers: [Work], options: { leaseMs: 30_000, heartbeatMs: 10_000, ...options } });

const steps = (...actions: readonly string[]) => actions.map((action, place) => ({ name: 'abcdef'.charAt(place), action }));

/** One event on a line. */
function line(event: SagaStreamEvent): string {
  if (event.type === 'events.dropped') return `${event.count} dropped`;
  const { type, state, progress } = event;
  const step = 'step' in event ? ` ${event.direction === 'undo' ? 'undo of ' : ''}${event.step}` : '';
  const more = type === 'step.failed' ? ` ${event.code} ${event.outcome}${event.willRetry ? ' again' : ''}` : '';
  return `${type}${step}${more} (${state} ${progress.done}/${progress.of})`;
}

async function linesUntilEnd(events: AsyncIterable<SagaStreamEvent>): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const event of events) {
    lines.push(line(event));
    if (event.type === 'saga.ended') break;
  }
  return lines;
}

describe('events()', () => {
  it('tells what happens to a saga, step by step, with how far it is', async () => {
    const { sagas } = await boot();
    const told = linesUntilEnd(sagas.events({ name: 'good' }));
    await sagas.start('other', steps('do'));
    await sagas.start('good', steps('do', 'skip', 'twice'));
    expect(await told).toEqual([
      'saga.started (started 0/3)',
      'step.started a (started 0/3)',
      'step.completed a (started 1/3)',
      'step.started b (started 1/3)',
      'step.skipped b (started 2/3)',
      'step.started c (started 2/3)',
      'step.failed c BUSY failed again (started 2/3)',
      'step.started c (started 2/3)',
      'step.completed c (completed 3/3)',
      'saga.ended (completed 3/3)',
    ]);
  });

  it('tells how it is undone, and what waits', async () => {
    const { sagas } = await boot();
    const told = linesUntilEnd(sagas.events());
    await sagas.start('s', [{ name: 'nap', sleepMs: 1 }, ...steps('do', 'refuse')]);
    expect(await told).toEqual([
      'saga.started (started 0/3)',
      'step.started nap (started 0/3)',
      'step.waiting nap (started 0/3)',
      'step.completed nap (started 1/3)',
      'step.started a (started 1/3)',
      'step.completed a (started 2/3)',
      'step.started b (started 2/3)',
      'step.failed b LIMIT failed (compensating 1/3)',
      'step.started undo of a (compensating 1/3)',
      'step.completed undo of a (compensated 0/3)',
      'saga.ended (compensated 0/3)',
    ]);
  });

  it('tells what a person does', async () => {
    const { sagas, operator } = await boot();
    const { id } = await sagas.start('s', steps('gated', 'do'));
    await gate.reached;
    const told = linesUntilEnd(sagas.events({ sagaId: id, types: ['step.skipped', 'saga.ended'] }));
    await operator.skipStep(id, 'b', { actor: 'ann' });
    gate.open();
    expect(await told).toEqual(['step.skipped b (started 0/2)', 'saga.ended (completed 2/2)']);
  });

  it('says how much a slow reader has missed, and never waits for one', async () => {
    const { sagas } = await boot();
    const slow = sagas.events({ buffer: 2 });
    await sagas.execute('s', steps('do', 'do'));
    const read: string[] = [];
    for (let i = 0; i < 3; i++) read.push(line((await slow.next()).value as SagaStreamEvent));
    expect(read).toEqual(['4 dropped', 'step.completed b (completed 2/2)', 'saga.ended (completed 2/2)']);
    await slow.return?.();
  });

  it('ends with its signal, when its loop is left, and with the application', async () => {
    const app = await boot();
    const abort = new AbortController();
    const [aborted, left, closed] = [app.sagas.events({ signal: abort.signal }), app.sagas.events(), app.sagas.events()];
    const readings = [aborted.next(), closed.next()];
    abort.abort();
    expect(await readings[0]).toEqual({ done: true, value: undefined });
    await left.return?.();
    expect(await left.next()).toEqual({ done: true, value: undefined });
    await app.close();
    expect(await readings[1]).toEqual({ done: true, value: undefined });
  });

  it('is a source for rxjs', async () => {
    const { sagas } = await boot();
    const abort = new AbortController();
    const endings = from(sagas.events({ types: ['saga.ended'], signal: abort.signal })).pipe(
      filter((event) => event.type === 'saga.ended'),
      map(({ name, state }) => `${name} ${state}`),
    );
    const first = firstValueFrom(endings);
    await sagas.start('s', steps('do'));
    expect(await first).toBe('s completed');
    abort.abort();
  });
});

describe('watch()', () => {
  it('shows a saga that runs in another process move, and ends with it', async () => {
    await boot();
    const client = await boot({ workers: { steps: 0, compensations: 0 } });
    const { id } = await client.sagas.start('s', steps('do', 'gated', 'do'));
    await gate.reached;
    const seen: string[] = [];
    for await (const { state, done, of, step } of client.sagas.watch(id)) {
      seen.push(`${state} ${done}/${of} ${step}`);
      if (done === 1) gate.open();
    }
    expect(seen[0]).toBe('started 1/3 undefined');
    expect(seen.at(-1)).toBe('completed 3/3 c');
    expect((await client.sagas.get(id)).progress).toEqual({ done: 3, of: 3 });
  });

  it('shows one that has ended as it is, and fails for one that is not there', async () => {
    const { sagas } = await boot();
    const { id } = await sagas.execute('s', steps('do'));
    const seen: unknown[] = [];
    for await (const event of sagas.watch(id)) seen.push(event);
    expect(seen).toEqual([{ state: 'completed', done: 1, of: 1 }]);
    for (const unknown of ['01ARZ3NDEKTSV4RRFFQ69G5FAV', 'no id', undefined as unknown as string])
      await expect(sagas.watch(unknown).next()).rejects.toThrow(SagaNotFoundError);
    expect(() => sagas.watch(id, { sign: 1 } as object)).toThrow('did you mean "signal"');
  });

  it('ends with its signal while nothing happens', async () => {
    const { sagas } = await boot();
    const { id } = await sagas.start('s', steps('gated'));
    await gate.reached;
    const abort = new AbortController();
    const watch = sagas.watch(id, { signal: abort.signal });
    await watch.next();
    const reading = watch.next();
    abort.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
  });
});
