import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { SagaService } from 'nest-saga';
import { AppModule } from './app.module';
import { Budget } from './budget.service';
import { Inbox } from './inbox';
import { tellStories } from './stories';

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { abortOnError: false, logger: ['error'] });
  app.enableShutdownHooks([], { useProcessExit: true });
  try {
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    await tellStories(app.get(SagaService), app.get(Budget), app.get(Inbox), `http://127.0.0.1:${port}/approvals`);
  } finally {
    await app.close();
  }
}
