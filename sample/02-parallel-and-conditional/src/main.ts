import { NestFactory } from '@nestjs/core';
import { SagaService } from 'nest-saga';
import { AppModule } from './app.module';
import { orderSteps, type Order } from './order.plan';
import { storyOf } from './story';

const ORDERS: readonly (readonly [title: string, order: Order])[] = [
  ['A small order', { customer: 'ann', amount: 40, gift: false }],
  ['A large order from somebody new, as a gift', { customer: 'eve', amount: 900, gift: true }],
  ['An order of more than there is', { customer: 'ann', amount: 5_000, gift: true }],
];

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

async function main(): Promise<void> {
  // What fails is part of the story.
  const app = await NestFactory.createApplicationContext(AppModule, { abortOnError: false, logger: ['error'] });
  app.enableShutdownHooks([], { useProcessExit: true });
  const sagas = app.get(SagaService);
  for (const [title, order] of ORDERS) {
    const { id } = await sagas.start('order', orderSteps, order);
    const saga = await sagas.waitFor(id);
    console.log(storyOf(title, saga, await sagas.history(id)));
  }
  await app.close();
}
