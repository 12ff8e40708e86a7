import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import type { SagaState } from 'nest-saga';

const STATES: Readonly<Record<SagaState, true>> = {
  started: true,
  completed: true,
  compensating: true,
  compensated: true,
  failed: true,
  stuck: true,
};

/** Reads `?state=…`; left out, it means every state. */
@Injectable()
export class SagaStatePipe implements PipeTransform<unknown, SagaState | undefined> {
  transform(value: unknown): SagaState | undefined {
    if (value === undefined || isState(value)) return value;
    throw new BadRequestException(`state must be one of ${Object.keys(STATES).join(', ')}`);
  }
}

function isState(value: unknown): value is SagaState {
  return typeof value === 'string' && Object.hasOwn(STATES, value);
}
