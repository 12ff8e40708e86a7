import type { HandlerDeclaration, HandlerKind } from '../core/handler-declaration';
import type { Json } from '../core/json';
import type { CompensationContext, HandlerContext, StepInvoker } from '../ports/step-invoker';
import type { ReadStub } from './handler-stubs';
import type { RecordedEffect } from './recorded-effect';
import type { Running, Stillness } from './stillness';
import type { Fault, When } from './step-faults';

/** What the kit does around the calls of handlers. */
export interface Surroundings {
  fault(kind: HandlerKind, step: string): Fault | undefined;
  record(effect: RecordedEffect): void;
  /** For the timeline. */
  note(sagaId: string, what: string, text: string): void;
  /** Resolves when the engine has given up the attempt. */
  givenUp(kind: HandlerKind, context: HandlerContext): Promise<void>;
  /** Resolves when a late effect is to come. */
  late(context: HandlerContext, afterMs: number | null): Promise<void>;
  elapsedMs(): number;
}

interface Call {
  readonly kind: HandlerKind;
  readonly key: string;
  readonly payload: Json | undefined;
  readonly context: HandlerContext;
}

/** Calls the application's handlers, records what they are given, and lets go wrong what is to go wrong. */
export class WatchedInvoker implements StepInvoker {
  readonly declarations: readonly HandlerDeclaration[];
  private readonly stubs: ReadonlyMap<string, ReadStub>;

  constructor(
    private readonly inner: StepInvoker,
    stubs: readonly ReadStub[],
    private readonly stillness: Stillness,
    private readonly around: Surroundings,
    /** The process around the handlers dies; another takes its place. */
    private readonly crash: () => void,
  ) {
    this.stubs = new Map(stubs.map((stub) => [nameOf(stub.declaration.direction, stub.declaration.key), stub]));
    const added = stubs.map(({ declaration }) => declaration).filter(({ direction, key }) => !inner.has(direction, key));
    this.declarations = [...inner.declarations, ...added];
  }

  has(kind: HandlerKind, key: string): boolean {
    return this.stubs.has(nameOf(kind, key)) || this.inner.has(kind, key);
  }

  async invoke(kind: HandlerKind, key: string, payload: Json | undefined, context: HandlerContext): Promise<unknown> {
    const call: Call = { kind, key, payload, context };
    const fault = this.around.fault(kind, context.step.name);
    return this.stillness.whileRunning(`${key} (${whatOf(call)})`, async (running) =>
      fault === undefined ? this.run(call, true) : this.runWith(fault, call, running),
    );
  }

  private async runWith(fault: Fault, call: Call, running: Running): Promise<unknown> {
    const { context } = call;
    switch (fault.kind) {
      case 'fails':
        throw fault.error;
      case 'times-out':
        if (fault.when === 'after') await this.runUnheard(call);
        this.note(call, `says nothing, ${moment(fault.when)}`);
        return this.untilGivenUp(call, running);
      case 'crashes':
        if (fault.when === 'after') await this.runUnheard(call);
        this.note(call, `the process dies, ${moment(fault.when)}`);
        this.crash();
        throw new Error('the process died'); // nobody hears it, but what is open here is closed
      case 'runs-twice':
        // What a transaction has done that is run again was rolled back.
        if (context.manager === undefined) await this.runUnheard(call);
        this.note(call, 'runs twice');
        return this.run(call, true);
      case 'comes-late': {
        this.note(call, 'says nothing, and has yet to do what it does');
        running.pause();
        await this.around.late(context, fault.afterMs);
        running.resume();
        this.note(call, 'does what it does, late');
        return this.run(call, false);
      }
    }
  }

  /** Like a handler that hangs. It ends when nobody waits for it any more, or its slot would be lost for good. */
  private async untilGivenUp(call: Call, running: Running): Promise<never> {
    running.pause();
    await this.around.givenUp(call.kind, call.context);
    running.resume();
    throw new Error('nobody hears this any more');
  }

  private async runUnheard(call: Call): Promise<void> {
    await this.run(call, false).catch(() => undefined);
  }

  private async run({ kind, key, payload, context }: Call, isHeard: boolean): Promise<unknown> {
    const { round, outcome: actionOutcome } = context as Partial<CompensationContext>;
    const effect: RecordedEffect = {
      sagaId: context.saga.id,
      saga: context.saga.name,
      step: context.step.name,
      direction: kind,
      key,
      idempotencyKey: context.idempotencyKey,
      attempt: context.attempt,
      round,
      actionOutcome,
      input: structuredClone(payload),
      atMs: this.around.elapsedMs(),
      outcome: 'running',
      output: undefined,
      error: undefined,
      isHeard,
    };
    this.around.record(effect);
    const ended = (how: Partial<RecordedEffect>): void => void Object.assign(effect, how);
    try {
      const stub = this.stubs.get(nameOf(kind, key));
      const output = await (stub === undefined ? this.inner.invoke(kind, key, payload, context) : stub.run(payload, context as never));
      ended({ outcome: 'returned', output });
      return output;
    } catch (error) {
      ended({ outcome: 'threw', error });
      throw error;
    }
  }

  private note(call: Call, text: string): void {
    this.around.note(call.context.saga.id, whatOf(call), text);
  }
}

function nameOf(kind: HandlerKind, key: string): string {
  return `${kind}:${key}`;
}

function whatOf({ kind, context }: Call): string {
  return kind === 'action' ? context.step.name : `${kind} ${context.step.name}`;
}

function moment(when: When): string {
  return when === 'before' ? 'before it has done anything' : 'after it has done what it does';
}
