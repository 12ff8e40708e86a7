import type { HandlerContext } from 'nest-saga';

/** The X-Request-ID of the HTTP request that started the saga. */
export function requestIdOf({ saga }: HandlerContext): string | null {
  const { requestId } = saga.metadata;
  return typeof requestId === 'string' ? requestId : null;
}

/** Ends every log line of a handler: what it was done for. */
export function traceOf(ctx: HandlerContext): string {
  return `saga=${ctx.saga.id} request=${requestIdOf(ctx) ?? 'none'}`;
}
