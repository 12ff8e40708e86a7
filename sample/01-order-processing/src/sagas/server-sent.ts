import type { MessageEvent } from '@nestjs/common';
import { Observable } from 'rxjs';

/** Server-sent events, one for each value. When the client goes the signal ends the source: `from()` would notice at its next value. */
export function serverSent(open: (signal: AbortSignal) => AsyncIterable<object>): Observable<MessageEvent> {
  return new Observable((client) => {
    const gone = new AbortController();
    const read = async (): Promise<void> => {
      for await (const data of open(gone.signal)) client.next({ data });
      client.complete();
    };
    read().catch((error: unknown) => client.error(error));
    return () => gone.abort();
  });
}
