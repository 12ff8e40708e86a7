import type { Server } from 'node:http';
import type { NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';
import { curlCommands } from './curl-commands';
import { showTwoOrders } from './demo';
import { listen } from './listen';
import { QuietLogger } from './quiet.logger';

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

async function main(): Promise<void> {
  const options: NestApplicationOptions = { abortOnError: false, forceCloseConnections: true, logger: new QuietLogger() };
  const app = await NestFactory.create(AppModule, options);
  // On SIGTERM and SIGINT the engine finishes what it runs; an end that was asked for is no failure, hence exit code 0.
  app.enableShutdownHooks([], { useProcessExit: true });
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => ending.abort());
  await app.init();
  const url = await listen(app.getHttpServer() as Server).catch(async (error: unknown) => {
    await app.close();
    throw error;
  });
  console.log(`\nThe shop is open at ${url}\n\n${curlCommands(url)}\n`);
  try {
    await showTwoOrders(url);
    console.log(`\nThe shop stays open at ${url} until Ctrl-C.`);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  }
}
