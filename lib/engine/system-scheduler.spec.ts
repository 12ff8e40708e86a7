import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemScheduler } from './system-scheduler';

const OWN_TIME =
  /\b(setTimeout|setInterval|clearTimeout|clearInterval|performance\.now|Date\.now|new Date\(\)|Math\.random|AbortSignal\.timeout)\b/;

describe('the time of the engine', () => {
  it('is asked of its scheduler, and of nothing else', () => {
    const files = readdirSync(__dirname).filter((name) => !name.endsWith('.spec.ts') && name !== 'system-scheduler.ts');
    const found = files.flatMap((name) => {
      const code = readFileSync(join(__dirname, name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      return OWN_TIME.test(code) ? [`${name}: ${OWN_TIME.exec(code)?.[0]}`] : [];
    });
    expect(found).toEqual([]);
  });

  describe('by the system', () => {
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());

    it('waits for longer than one timer of the system can', () => {
      const fire = jest.fn();
      systemScheduler.after(2 ** 32, fire, { keepsAlive: false });
      jest.advanceTimersByTime(2 ** 32 - 1);
      expect(fire).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(fire).toHaveBeenCalledTimes(1);
    });

    it('cancels as often as it is asked to', () => {
      const fire = jest.fn();
      const once = systemScheduler.after(10, fire);
      const again = systemScheduler.every(3, fire, { isRoutine: true });
      jest.advanceTimersByTime(7);
      for (const timer of [once, again, once, again]) timer.cancel();
      jest.advanceTimersByTime(100);
      expect(fire).toHaveBeenCalledTimes(2);
    });
  });
});
