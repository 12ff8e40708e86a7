import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Compensate, SagaStep, StepError, type StepContext } from 'nest-saga';
import { bootSagaApp, closeApps, freshName } from './saga-app';

afterEach(closeApps);

@Injectable()
class Steps {
  readonly ran: string[] = [];
  readonly undone: string[] = [];
  @SagaStep('run') run(input: { readonly fails?: boolean } | null, ctx: StepContext) {
    this.ran.push(ctx.step.name);
    if (input?.fails === true) throw new StepError({ message: 'no', retryable: false });
  }
  @Compensate('undo', { for: 'run' }) undo(_output: unknown, ctx: StepContext) {
    this.undone.push(ctx.step.name);
  }
}

const group = (width: number) => Array.from({ length: width }, (_, n) => ({ name: `s${n}`, action: 'run' }));
/** No sweep comes within the test: what is not done by wake-ups alone is not done. */
const NO_SWEEPS = { sweepMs: 600_000, resendMs: 600_000 };

describe('A parallel group', () => {
  it.each([[1], [3]])('of 40 steps on %i processes needs no sweeper: branches that meet at their saga try again', async (processes) => {
    const namespace = freshName();
    const apps = [];
    for (let n = 0; n < processes; n++) apps.push(await bootSagaApp({ namespace, providers: [Steps], options: NO_SWEEPS }));
    const sagas = apps[0]?.sagas;
    const started = await sagas?.start('wide', [group(40), { name: 'last', action: 'run' }]);
    const saga = await sagas?.waitFor(started?.id ?? '', { timeoutMs: 25_000 });
    expect(saga?.state).toBe('completed');
    const ran = apps.flatMap((app) => app.context.get(Steps).ran);
    expect(ran).toHaveLength(41);
    expect(new Set(ran).size).toBe(41);
  });

  it('is settled before anything is undone, and then undone whole', async () => {
    const app = await bootSagaApp({ providers: [Steps], options: NO_SWEEPS });
    const { id } = await app.sagas.start('wide', [group(10), { name: 'last', action: 'run', input: { fails: true } }]);
    expect((await app.sagas.waitFor(id, { timeoutMs: 25_000 })).state).toBe('compensated');
    expect(app.context.get(Steps).undone.sort()).toEqual(
      group(10)
        .map(({ name }) => name)
        .sort(),
    );
  });
});
