// Sagas in every state that the table of docs/operating.md has a column for, with a step in every situation that it has a row for.
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import {
  Compensate,
  type CompensationContext,
  type SagaModuleOptions,
  SagaStep,
  type StepContext,
  StepError,
  type StepSpec,
  UnknownOutcomeError,
} from 'nest-saga';
import { bootSagaApp, type SagaApp } from './saga-app';

const HOUR_MS = 3_600_000;
const SHORT_MS = 50;

/** Each step does what its name says. */
@Injectable()
class Actor implements OnModuleDestroy {
  private release: () => void = () => undefined;
  private readonly untilTheEnd = new Promise<void>((resolve) => (this.release = resolve));
  private readonly tries = new Map<string, number>();
  private readonly late = new Map<string, () => void>();

  @SagaStep('act') async act(_input: unknown, { saga, step, suspend }: StepContext): Promise<unknown> {
    if (step.name === 'outside') return suspend();
    if (step.name === 'running' || step.name === 'pending') await this.untilTheEnd;
    if (step.name === 'unknown') throw new UnknownOutcomeError('nobody answered');
    if (step.name === 'waiting') throw new StepError({ message: 'not yet', retryable: true, retryAfterMs: HOUR_MS });
    if (step.name === 'failed') throw new StepError({ message: 'no', retryable: false });
    if (step.name === 'late') await new Promise<void>((resolve) => this.late.set(saga.id, resolve));
    return 'done';
  }

  @Compensate('unact', { for: 'act' }) async undo(_output: unknown, { saga, step, round }: CompensationContext): Promise<void> {
    const tries = (this.tries.get(`${saga.id} ${step.name} ${round}`) ?? 0) + 1;
    this.tries.set(`${saga.id} ${step.name} ${round}`, tries);
    if (step.name === 'undo-waiting') throw new StepError({ message: 'not yet', retryable: true, retryAfterMs: HOUR_MS });
    const isGivenUp = step.name === 'given-up' || (step.name === 'late' && round > 1);
    if (isGivenUp && tries === 1) throw new StepError({ message: 'no', retryable: false });
    if (isGivenUp || step.name === 'running' || saga.name === 'hanging') await this.untilTheEnd;
  }

  onModuleDestroy(): void {
    this.release();
  }

  /** What was given up has taken effect after all. */
  hearLate(sagaId: string): void {
    this.late.get(sagaId)?.();
  }
}

export async function bootTableApp(options: Partial<SagaModuleOptions>): Promise<SagaApp> {
  return bootSagaApp({ providers: [Actor], options: { workers: { steps: 500, compensations: 500 }, ...options } });
}

const act = (name: string, more: Partial<StepSpec> = {}): StepSpec => ({ name, action: 'act', dependsOn: [], ...more });

const PIVOT = { kind: 'pivot', compensation: null } as const;
const FORWARD = { kind: 'retriable', compensation: null } as const;
const LAST = act('pending', { ...FORWARD, dependsOn: ['running'] });

/** The undo of such a saga does not end before the test does. */
async function hanging(app: SagaApp, steps: readonly StepSpec[]): Promise<string> {
  return (await app.sagas.start('hanging', steps)).id;
}

/** The columns: each makes a saga, waits until it is there and answers its id. */
export const STATES: Readonly<Record<string, (app: SagaApp, situation: string) => Promise<string>>> = {
  started: async (app) => {
    const { id } = await app.sagas.start('hanging', [
      act('completed'),
      act('waiting', { retry: { attempts: 9 } }),
      act('running'),
      act('pending', { dependsOn: ['running'] }),
      act('outside'),
    ]);
    const of = ({ sagaId, operation }: { readonly sagaId: string; readonly operation: { readonly step: number } }, step: number) =>
      sagaId === id && operation.step === step;
    await app.signal('operation.completed', (signal) => of(signal, 0));
    await app.signal('operation.failed', (signal) => of(signal, 1));
    await app.signal('operation.claimed', (signal) => of(signal, 2));
    await app.signal('operation.waiting', (signal) => of(signal, 4));
    return id;
  },
  paused: async (app, situation) => {
    const id = await STATES.started!(app, situation);
    await app.operator.pause(id);
    return id;
  },
  compensating: async (app, situation) => {
    if (!situation.endsWith('next attempt')) {
      const id = await STATES.started!(app, situation);
      await app.operator.cancel(id);
      return id;
    }
    const { id } = await app.sagas.start('undoing', [act('undo-waiting'), act('failed', { dependsOn: ['undo-waiting'] })]);
    await app.signal('operation.failed', ({ sagaId, operation }) => sagaId === id && operation.direction === 'undo');
    return id;
  },
  stuck: async (app) =>
    ended(app, [act('given-up'), act('completed', { dependsOn: ['given-up'] }), act('failed', { dependsOn: ['completed'] })]),
  completed: async (app) => ended(app, [act('completed')]),
  compensated: async (app) => ended(app, [act('completed'), act('failed', { dependsOn: ['completed'] })]),
  failed: async (app) => ended(app, [act('completed', { compensation: null }), act('failed', { dependsOn: ['completed'] })]),
  'pivot runs': async (app) => {
    const id = await hanging(app, [act('completed'), act('running', { ...PIVOT, dependsOn: ['completed'] }), LAST]);
    await app.signal('operation.claimed', ({ sagaId, operation }) => sagaId === id && operation.step === 1);
    return id;
  },
  'past pivot': async (app) => {
    const waiting = act('waiting', { ...FORWARD, dependsOn: ['completed'], retry: { attempts: 9 } });
    const id = await hanging(app, [act('completed', PIVOT), waiting, act('running', { ...FORWARD, dependsOn: ['completed'] }), LAST]);
    await app.signal('operation.failed', ({ sagaId, operation }) => sagaId === id && operation.step === 1);
    await app.signal('operation.claimed', ({ sagaId, operation }) => sagaId === id && operation.step === 2);
    return id;
  },
  'pivot unknown': async (app) => {
    const pivot = act('unknown', { ...PIVOT, dependsOn: ['completed'] });
    const id = await hanging(app, [act('completed'), pivot, act('pending', { ...FORWARD, dependsOn: ['unknown'] })]);
    await app.sagas.waitFor(id);
    return id;
  },
  attention: async (app) => {
    const id = await ended(app, [act('completed'), act('late', { dependsOn: ['completed'], timeoutMs: SHORT_MS })]);
    app.context.get(Actor).hearLate(id);
    await app.signal('operation.failed', ({ sagaId, operation }) => sagaId === id && operation.round === 2);
    return id;
  },
};

async function ended(app: SagaApp, steps: readonly StepSpec[]): Promise<string> {
  const { id } = await app.sagas.start('ending', steps);
  await app.sagas.waitFor(id);
  return id;
}

/** The rows: which step of such a saga is meant. */
export function stepIn(state: string, situation: string): string {
  switch (situation) {
    case 'that waits for its next attempt':
      return state === 'compensating' ? 'undo-waiting' : 'waiting';
    case 'that waits for somebody outside':
      return 'outside';
    case 'whose undo waits for its next attempt':
      return 'undo-waiting';
    case 'that is due or runs':
    case 'that runs':
      return 'running';
    case 'whose undo was given up':
      return state === 'attention' ? 'late' : 'given-up';
    case 'that completed':
      return 'completed';
    case 'whose outcome nobody knows':
      return 'unknown';
    case 'whose turn has not come':
      return 'pending';
    default:
      throw new Error(`no step for "${situation}"`);
  }
}
