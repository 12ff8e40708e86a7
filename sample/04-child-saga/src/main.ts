import { NestFactory } from '@nestjs/core';
import { SagaService } from 'nest-saga';
import { AppModule } from './app.module';
import { QuietLogger } from './quiet.logger';
import { tell } from './story';

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { abortOnError: false, logger: new QuietLogger() });
  app.enableShutdownHooks([], { useProcessExit: true });
  try {
    const sagas = app.get(SagaService);
    const trip = { customer: 'ann', amount: 420 };
    await tell(sagas, 'A trip that is possible', { ...trip, cities: ['Berlin', 'Rome', 'Athens'] });
    await tell(sagas, 'A trip that is not: all that was done is undone', { ...trip, cities: ['Berlin', 'Rome', 'Atlantis'] });
  } finally {
    await app.close();
  }
}
