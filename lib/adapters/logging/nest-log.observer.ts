import { Logger } from '@nestjs/common';
import { spokenFinding } from '../../core/lint';
import type { OperationRef } from '../../core/operation';
import type { SagaObserver, SagaSignal } from '../../ports/saga-observer';

/** The same trouble is logged once in this many milliseconds: an outage is one line a second, not a flood. */
const MOST_MISSING = 20;
const QUIET_MS = 1_000;

/** Writes to Nest's log what somebody on call wants to read. Never inputs, outputs or tokens. */
export class NestLogObserver implements SagaObserver {
  private readonly lastAt = new Map<string, number>();

  constructor(private readonly logger = new Logger('Saga')) {}

  notify(signal: SagaSignal): void {
    switch (signal.type) {
      case 'saga.ended':
        if (signal.state === 'stuck')
          this.logger.error(`saga ${signal.sagaId} (${signal.name}) is stuck: a compensation was given up, and a person must act`);
        else this.logger.debug(`saga ${signal.sagaId} (${signal.name}) ${signal.state}`);
        return;
      case 'saga.attention':
        if (signal.raised)
          this.logger.error(
            `saga ${signal.sagaId} (${signal.name}) needs attention: a late effect, a wish to turn back that came too late, or a step that does not complete; explain() says which`,
          );
        else this.logger.log(`saga ${signal.sagaId} (${signal.name}) needs no attention any more`);
        return;
      case 'operation.failed': {
        const next = signal.willRetry ? 'will be tried again' : 'was the last attempt';
        this.logger.warn(`${whatOf(signal)} in saga ${signal.sagaId} failed and ${next}: ${signal.code} ${oneLine(signal.message)}`);
        return;
      }
      case 'operation.lost':
        this.logger.warn(`${whatOf(signal)} in saga ${signal.sagaId} ended without a report that counts (${signal.why})`);
        return;
      case 'plan.questioned':
        for (const finding of signal.findings) this.logger.warn(spokenFinding(finding));
        return;
      case 'child.stuck':
        this.logger.warn(`step "${signal.step}" in saga ${signal.sagaId} waits for saga ${signal.childId}, which is stuck`);
        return;
      case 'message.quarantined':
        this.logger.warn(`a message from ${signal.source} is no wake-up and was quarantined: ${oneLine(signal.reason)}`);
        return;
      case 'handlers.missing':
        for (const { kind, key, sagas } of signal.handlers.slice(0, MOST_MISSING))
          this.logger.warn(
            `no process has the ${kind} handler "${key}", which ${sagas} unfinished saga(s) may need: they wait until one comes`,
          );
        return;
      case 'engine.trouble':
        if (this.isNews(signal.where)) this.logger.error(`${signal.where}: ${oneLine(signal.error.message)}${remedyFor(signal.where)}`);
        return;
      default:
        return;
    }
  }

  private isNews(where: string): boolean {
    const now = performance.now();
    if (now - (this.lastAt.get(where) ?? -Infinity) < QUIET_MS) return false;
    this.lastAt.set(where, now);
    return true;
  }
}

/** An action and its undo may have the same key. */
function whatOf({ operation, key, step }: { readonly operation: OperationRef; readonly key: string; readonly step: string }): string {
  return `${operation.direction === 'undo' ? 'the compensation ' : ''}${key} of step "${step}"`;
}

function remedyFor(where: string): string {
  return where === 'transport' ? ' (it is tried again; meanwhile sagas go on from the database)' : '';
}

/** A log line is a line, whatever a handler put into its error. */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 500);
}
