import { Injectable, type Provider } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Compensate, SagaConfigurationError, type SagaModuleOptions, SagaStep } from 'nest-saga';
import { bootSagaApp, closeApps, freshName, type SagaApp } from './saga-app';

afterEach(closeApps);

let open: () => void;
let isOpen: Promise<void>;
let namespace: string;

beforeEach(() => {
  isOpen = new Promise((resolve) => (open = resolve));
  namespace = freshName();
});

@Injectable()
class Before {
  @SagaStep('reserve') reserve() {}
  @Compensate('release', { for: 'reserve' }) release() {}
  @SagaStep('wait') async wait(_input: unknown, ctx: { readonly signal: AbortSignal }) {
    await Promise.race([isOpen, new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('shutdown'))))]);
  }
  @SagaStep('charge') charge() {}
}

/** `charge` is called otherwise now, and nobody thought of the sagas that wait for it; `release` is gone as well. */
@Injectable()
class After {
  @SagaStep('reserve') reserve() {}
  @SagaStep('wait') async wait() {}
  @SagaStep('charge.card') charge() {}
}

@Injectable()
class Whole extends Before {
  @SagaStep('charge.card') chargeCard() {}
}

@Injectable()
class Elsewhere {
  @SagaStep('mails.send') send() {}
}

const boot = (provider: Provider, options: Partial<SagaModuleOptions> = {}): Promise<SagaApp> =>
  bootSagaApp({ namespace, providers: [provider], options });

const steps = [
  { name: 'a', action: 'reserve' },
  { name: 'b', action: 'wait' },
  { name: 'c', action: 'charge' },
];

/** Three sagas that wait between two steps, and nobody who runs them. */
async function deployedAway(): Promise<void> {
  const app = await boot(Before);
  for (let i = 0; i < 3; i++) {
    const { id } = await app.sagas.start('order', steps);
    await app.signal('operation.claimed', ({ sagaId, key }) => sagaId === id && key === 'wait');
  }
  await app.close();
}

describe('A deployment without a handler that unfinished sagas need', () => {
  it('says at boot which it is and how many sagas need it, and runs what it can', async () => {
    await deployedAway();
    const app = await boot(After);
    const { handlers } = await app.signal('handlers.missing');
    expect(handlers).toEqual([
      { kind: 'action', key: 'charge', sagas: 3 },
      { kind: 'undo', key: 'release', sagas: 3 },
    ]);
    open();
    await app.signal('operation.completed', ({ key }) => key === 'wait');
  });

  it('does not boot when the option says so, leaves nothing behind, and does not stand in the way of the right one', async () => {
    await deployedAway();
    const booting = boot(After, { missingHandlers: 'refuse' });
    await expect(booting).rejects.toThrow(SagaConfigurationError);
    await expect(booting).rejects.toThrow(/3 sagas that have not ended may need @SagaStep\('charge'\)/);
    await expect(booting).rejects.toThrow(/@Compensate\('release'\)/);
    open();
    const right = await boot(Whole, { missingHandlers: 'refuse' });
    const [saga] = await right.sagas.list();
    expect((await right.sagas.waitFor(saga?.id ?? '')).state).toBe('completed');
    expect(right.signals.filter(({ type }) => type === 'handlers.missing')).toEqual([]);
  });

  it('is nobody’s concern while a process that has them is there, or in a process without workers, or when it is not asked', async () => {
    const old = await boot(Before);
    const { id } = await old.sagas.start('order', steps);
    await old.signal('operation.claimed', ({ sagaId, key }) => sagaId === id && key === 'wait');
    const whole = await boot(Whole, { missingHandlers: 'refuse' });
    await whole.close();
    await old.close();
    const quiet = [
      await boot(After, { workers: { steps: 0, compensations: 0 }, missingHandlers: 'refuse' }),
      await boot(After, { missingHandlers: 'off' }),
    ];
    open();
    await quiet[1]?.signal('operation.completed', ({ key }) => key === 'wait');
    expect(quiet.flatMap(({ signals }) => signals).filter(({ type }) => type === 'handlers.missing')).toEqual([]);
  });

  it('is the concern of its own group: another service boots, and says what is missing', async () => {
    await deployedAway();
    const mails = await boot(Elsewhere, { group: 'mails', missingHandlers: 'refuse' });
    const { handlers } = await mails.signal('handlers.missing');
    expect(handlers.map(({ key }) => key)).toEqual(['charge', 'wait', 'release']);
  });
});
