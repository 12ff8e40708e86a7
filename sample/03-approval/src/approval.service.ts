import { Injectable } from '@nestjs/common';
import { Compensate, SagaStep, type CompensationContext, type StepContext } from 'nest-saga';
import { Inbox } from './inbox';
import type { Purchase } from './purchase.plan';

/** How long each mail has before the next one is sent. */
const PATIENCE_MS = 400;

/** Asks people, who answer when they like: nothing runs meanwhile, and no process has to stay. */
@Injectable()
export class ApprovalService {
  constructor(private readonly inbox: Inbox) {}

  /** First the lead, then the lead again, then the boss, who may take as long as the saga's deadline allows. All three mails have the same token. */
  @SagaStep('approval.ask', { retry: { attempts: 3, backoff: 'fixed', baseMs: 0 } })
  ask({ what, amount }: Purchase, { attempt, saga, callbackToken: token, suspend }: StepContext) {
    const [to, subject] =
      attempt === 1
        ? ['lead', 'Please approve']
        : attempt === 2
          ? ['lead', 'Reminder: please approve']
          : ['boss', 'Nobody has answered: please approve'];
    this.inbox.deliver({ to, subject: `${subject} ${what} for ${amount}`, sagaId: saga.id, token });
    return attempt < 3 ? suspend({ timeoutMs: PATIENCE_MS }) : suspend();
  }

  /** Whoever has the mail may still answer it. */
  @Compensate('approval.withdraw', { for: 'approval.ask' })
  withdraw(_answer: unknown, { input, saga }: CompensationContext<Purchase>) {
    this.inbox.deliver({ to: 'lead', subject: `Never mind ${input.what}`, sagaId: saga.id, token: '' });
  }
}
