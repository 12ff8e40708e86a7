import { Logger } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import { NestLogObserver } from './nest-log.observer';

describe('NestLogObserver', () => {
  it('tells an undo from an action of the same key, and says what becomes of trouble with the broker', () => {
    const logger = new Logger();
    const lines: string[] = [];
    for (const level of ['warn', 'error'] as const)
      jest.spyOn(logger, level).mockImplementation((line: unknown) => lines.push(String(line)));
    const observer = new NestLogObserver(logger);
    const lost = { type: 'operation.lost', sagaId: 'S', step: 'deposit', key: 'pay', why: 'lease' } as const;
    observer.notify({ ...lost, operation: { step: 0, direction: 'action', round: 1 } });
    observer.notify({ ...lost, operation: { step: 0, direction: 'undo', round: 1 } });
    observer.notify({ type: 'engine.trouble', where: 'transport', error: new Error('refused') });
    expect(lines).toEqual([
      expect.stringMatching(/^pay of step "deposit" in saga S/),
      expect.stringMatching(/^the compensation pay of step "deposit" in saga S/),
      'transport: refused (it is tried again; meanwhile sagas go on from the database)',
    ]);
  });
});
