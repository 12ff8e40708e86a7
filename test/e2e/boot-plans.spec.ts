import { Injectable, type Provider } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { inMemoryStore, inProcessTransport, ref, SagaConfigurationError, SagaDefinition, SagaModule, SagaStep } from 'nest-saga';

/** What stands in the way of an application with these providers. */
async function problemsOf(...providers: Provider[]): Promise<readonly string[]> {
  const testing = Test.createTestingModule({
    imports: [SagaModule.forRoot({ store: inMemoryStore(), transport: inProcessTransport() })],
    providers,
  });
  testing.setLogger({ log: () => undefined, warn: () => undefined, error: () => undefined });
  const context = await testing.compile();
  const refused = await context.init().catch((error: unknown) => error);
  await context.close().catch(() => undefined);
  return refused instanceof SagaConfigurationError ? refused.problems : [];
}

describe('A saga that is a class', () => {
  it('is checked when the application boots, not when it is first started', async () => {
    @SagaDefinition({ name: 'circle' })
    @Injectable()
    class Circle {
      @SagaStep('a', { after: 'b' }) a(): void {}
      @SagaStep('b', { after: 'a' }) b(): void {}
    }
    @SagaDefinition({ name: 'blind' })
    @Injectable()
    class Blind {
      @SagaStep('a') a(): void {}
      @SagaStep('b', { input: { id: ref('later', 'id') } }) b(): void {}
    }
    expect(await problemsOf(Circle, Blind)).toEqual([
      expect.stringMatching(/^saga "circle": these steps wait for each other: "a", "b"/),
      expect.stringMatching(/^saga "blind": step "b": refers to the output of "later", which is not a step of this saga/),
    ]);
  });

  it('may name handlers of other services, which are asked for when it is started', async () => {
    @SagaDefinition({ name: 'far' })
    @Injectable()
    class Far {
      @SagaStep('a', { use: 'another.service' }) a(): void {}
    }
    expect(await problemsOf(Far)).toEqual([]);
  });
});
