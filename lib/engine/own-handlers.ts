import type { Direction } from '../core/operation';
import type { HandlerKind } from '../core/handler-declaration';
import { HandlerTable } from '../core/handler-table';
import { AWAIT_SIGNAL, CHILD, MAP, OWN_ACTIONS, SLEEP } from '../core/own-actions';
import type { Claim } from '../ports/claim';
import type { Call } from './attempt-context';
import type { ChildSagas } from './child-sagas';
import { verb } from './handler-verb';

/** What the engine does for one attempt of an action of its own: an output, or a verb. */
export type OwnHandler = (claim: Claim, call: Call) => Promise<unknown>;

/** The steps that no application has a handler for: the engine runs them in any process that has workers. */
export class OwnHandlers {
  private readonly handlers: HandlerTable<OwnHandler>;

  constructor(children: ChildSagas) {
    this.handlers = new HandlerTable<OwnHandler>([
      [
        'action',
        SLEEP,
        async (_claim, { payload }) =>
          verb({ kind: 'suspend', wait: { kind: 'timer' }, timeoutMs: (payload as { readonly ms: number }).ms }),
      ],
      [
        'action',
        AWAIT_SIGNAL,
        // Whether one is there already is seen when the wait has begun: a look before that could miss one that comes in between.
        async (_claim, { payload }) => {
          const { name, timeoutMs } = payload as { readonly name: string; readonly timeoutMs: number | null };
          return verb({ kind: 'suspend', wait: { kind: 'signal', name }, timeoutMs });
        },
      ],
      ['action', CHILD, async (claim, call) => children.run(claim, call)],
      ['action', MAP, async (claim, call) => children.runMap(claim, call)],
      ['undo', CHILD, async (claim, call) => children.undo(claim, call)],
    ]);
  }

  find(kind: HandlerKind, key: string): OwnHandler | undefined {
    return this.handlers.find(kind, key);
  }

  keys(direction: Direction): readonly string[] {
    return OWN_ACTIONS.filter((declaration) => declaration.direction === direction).map(({ key }) => key);
  }
}
