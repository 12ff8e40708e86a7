import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Compensate, type CompensationContext, SagaStep, type StepContext, StepError, type StepSpec } from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

const SAGAS = 300;
const UNDO_ATTEMPTS = 3;
const QUICKLY = { backoff: 'fixed', baseMs: 1 } as const;
/** Set SEED to the number that a failure names to see the same sagas again. */
const SEED = Number(process.env['SEED'] ?? 1);

/** How one step of one saga behaves. */
interface Behaviour {
  /** What its action says in the end; `unknown`: it takes effect, and nobody hears of it. */
  readonly action: 'done' | 'failed' | 'unknown';
  /** So often its undo fails before it succeeds. */
  readonly undoFailures: number;
}

@Injectable()
class World {
  readonly effects = new Map<string, 'done' | 'undone'>();
  readonly undone: { saga: string; step: string; key: string }[] = [];
  readonly undoTries = new Map<string, number>();
  healed = false;

  @SagaStep('act') act({ action }: Behaviour, ctx: StepContext) {
    if (action === 'failed') throw new StepError({ code: 'NO', message: 'asked to fail', retryable: false });
    this.effects.set(ctx.idempotencyKey, 'done');
    if (action === 'unknown') throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    return { key: ctx.idempotencyKey };
  }

  @Compensate('undo', { for: 'act', retry: { attempts: UNDO_ATTEMPTS, ...QUICKLY } })
  undo(_output: unknown, ctx: CompensationContext<Behaviour>) {
    const tries = (this.undoTries.get(ctx.actionIdempotencyKey) ?? 0) + 1;
    this.undoTries.set(ctx.actionIdempotencyKey, tries);
    if (!this.healed && tries <= ctx.input.undoFailures) throw new Error('asked to fail');
    this.effects.set(ctx.actionIdempotencyKey, 'undone');
    this.undone.push({ saga: ctx.saga.id, step: ctx.step.name, key: ctx.actionIdempotencyKey });
  }
}

describe(`${SAGAS} sagas that fail at a random step, and whose compensations fail too (seed ${SEED})`, () => {
  it('are stuck exactly when an undo is given up, and compensated when a person has it tried again', async () => {
    const { sagas, context } = await bootSagaApp({ providers: [World] });
    const world = context.get(World);
    const stories = Array.from({ length: SAGAS }, (_, number) => storyOf(seeded(SEED * SAGAS + number)));
    const started = await Promise.all(stories.map((story) => sagas.start('failing', stepsOf(story))));

    const ended = await Promise.all(started.map(({ id }) => sagas.waitFor(id, { timeoutMs: 100_000 })));
    ended.forEach((saga, place) => {
      const story = stories[place] ?? [];
      expect([place, saga.state]).toEqual([place, endOf(story)]);
      // Undone in reverse order, and nothing before the one that is stuck.
      const order = world.undone.filter((entry) => entry.saga === saga.id).map((entry) => entry.step);
      expect([place, order]).toEqual([place, undosOf(story)]);
    });
    expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['compensated', 'stuck', 'failed']));

    world.healed = true;
    const stuck = ended.filter(({ state }) => state === 'stuck');
    await Promise.all(stuck.map(({ id }) => sagas.compensate(id, { reason: 'the participant is well again', actor: 'night watch' })));
    const repaired = await Promise.all(stuck.map(({ id }) => sagas.waitFor(id, { timeoutMs: 100_000 })));
    expect(repaired.filter(({ state }) => state !== 'compensated')).toEqual([]);
    expect([...world.effects.values()].filter((effect) => effect !== 'undone')).toEqual([]);
    expect(await sagas.listActive()).toEqual([]);
  }, 120_000);
});

/** Up to the step that does not complete; later ones never begin. */
function storyOf(random: () => number): readonly Behaviour[] {
  const below = (limit: number): number => Math.floor(random() * limit);
  const size = 1 + below(5);
  const breaks = below(size);
  return Array.from({ length: size }, (_, place): Behaviour => {
    const undoFailures = random() < 0.15 ? Infinity : below(UNDO_ATTEMPTS);
    const action = place < breaks ? 'done' : random() < 0.5 ? 'failed' : 'unknown';
    // JSON has no Infinity, and this is more than anybody tries.
    return { action, undoFailures: undoFailures === Infinity ? 1_000 : undoFailures };
  });
}

function stepsOf(story: readonly Behaviour[]): readonly StepSpec[] {
  return story.map((behaviour, place) => ({ name: `step${place}`, action: 'act', input: behaviour }));
}

function toUndo(story: readonly Behaviour[]): readonly [string, Behaviour][] {
  const breaks = story.findIndex(({ action }) => action !== 'done');
  const begun = story.slice(0, breaks + 1).map((behaviour, place): [string, Behaviour] => [`step${place}`, behaviour]);
  return begun.filter(([, { action }]) => action !== 'failed').reverse();
}

function undosOf(story: readonly Behaviour[]): readonly string[] {
  const undos = toUndo(story);
  const stuckAt = undos.findIndex(([, { undoFailures }]) => undoFailures >= UNDO_ATTEMPTS);
  return undos.slice(0, stuckAt === -1 ? undos.length : stuckAt).map(([step]) => step);
}

function endOf(story: readonly Behaviour[]): string {
  const undos = toUndo(story);
  if (undos.length === 0) return 'failed';
  return undos.some(([, { undoFailures }]) => undoFailures >= UNDO_ATTEMPTS) ? 'stuck' : 'compensated';
}

/** Chance that can be repeated (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
