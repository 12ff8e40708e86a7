import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WakeUp } from '../ports/message-transport';
import type { ClaimTerms } from './claimer';
import { SlotPair } from './slot-pair';
import { SuspectGate, type AttemptEnd } from './suspect-gate';

const TIMES = { patienceMs: 1_000, longestPatienceMs: 4_000, holdMs: 10_000 };
const SLOT_WAIT_MS = 200;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A process with two slots for actions and one for undos, whose handlers end when the test says so. */
class Process {
  readonly slots = new SlotPair({ action: 2, undo: 1 });
  /** What happened, in order. */
  readonly log: string[] = [];
  wentOn = 0;
  private readonly endings = new Map<string, (() => void)[]>();
  readonly gate = new SuspectGate(
    this.slots,
    async (wakeUp, terms) => this.attempt(wakeUp, terms),
    () => this.wentOn++,
    TIMES,
  );

  /** @param losses of each operation that is no ordinary one, by saga id */
  constructor(private readonly losses: Readonly<Record<string, number>> = {}) {}

  /** A handler of an ordinary operation. Resolves when it has begun, or found no slot. */
  async begin(name: string): Promise<AttemptEnd | 'begun'> {
    const ended = this.attempt(wakeUpOf(name), { maxLosses: 0, alone: false });
    return Promise.race([ended, turns().then(() => 'begun' as const)]);
  }

  async end(name: string): Promise<void> {
    this.endings.get(name)?.shift()?.();
    await turns();
  }

  async admit(...names: readonly string[]): Promise<void> {
    for (const name of names) this.gate.admit(wakeUpOf(name));
    await turns();
  }

  private async attempt({ sagaId: name, operation }: WakeUp, terms: ClaimTerms): Promise<AttemptEnd> {
    const slots = this.slots.of(operation.direction);
    if (terms.alone) slots.takeHeld();
    else if (!(await slots.take(SLOT_WAIT_MS))) return 'no-slot';
    try {
      if ((this.losses[name] ?? 0) > terms.maxLosses) return 'suspect';
      this.log.push(terms.alone ? `${name} begins alone` : `${name} begins`);
      await new Promise<void>((resolve) => this.endings.set(name, [...(this.endings.get(name) ?? []), resolve]));
      this.log.push(`${name} ends`);
      return 'over';
    } finally {
      slots.release();
    }
  }
}

function wakeUpOf(sagaId: string): WakeUp {
  return { sagaId, operation: { step: 0, direction: 'action', round: 1 }, key: 'do.it' };
}

/** Lets everything that is already settled be heard. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
}

describe('an operation that lost one process', () => {
  it('runs beside others, but never beside another suspect', async () => {
    const process = new Process({ s1: 1, s2: 1 });
    await process.begin('other');
    await process.admit('s1', 's2');
    expect(process.log).toEqual(['other begins', 's1 begins']);
    await process.end('s1');
    expect(process.log).toEqual(['other begins', 's1 begins', 's1 ends', 's2 begins']);
  });

  it('goes on waiting when no slot becomes free in time', async () => {
    const process = new Process({ s1: 1 });
    await process.begin('a');
    await process.begin('b');
    await process.admit('s1');
    await pass(5 * SLOT_WAIT_MS);
    expect(process.log).not.toContain('s1 begins');
    await process.end('a');
    expect(process.log).toContain('s1 begins');
  });

  it('waits once, however often its wake-up comes, and again for its next attempt', async () => {
    const process = new Process({ s1: 1, s2: 1 });
    await process.admit('s1', 's2', 's2');
    await process.admit('s2');
    await process.end('s1');
    await process.admit('s2'); // its attempt has begun: this may be a wake-up for the next
    await process.end('s2');
    expect(process.log).toEqual(['s1 begins', 's1 ends', 's2 begins', 's2 ends', 's2 begins']);
    await process.end('s2');
    expect(process.log).toHaveLength(6);
  });
});

describe('an operation that lost more than one process', () => {
  it('runs alone and at once in a process that is idle, and nothing else begins meanwhile', async () => {
    const process = new Process({ s2: 2 });
    await process.admit('s2');
    expect(process.log).toEqual(['s2 begins alone']);
    const other = process.begin('other');
    await pass(SLOT_WAIT_MS);
    expect(process.log).toEqual(['s2 begins alone']);
    await other;
    await process.end('s2');
    expect(process.wentOn).toBe(1);
    await process.begin('other');
    expect(process.log).toEqual(['s2 begins alone', 's2 ends', 'other begins']);
  });

  it('keeps what came meanwhile waiting, and lets it begin when it has ended', async () => {
    const process = new Process({ s2: 2 });
    await process.admit('s2');
    await process.begin('other');
    await process.end('s2');
    expect(process.log).toEqual(['s2 begins alone', 's2 ends', 'other begins']);
  });

  it('waits for what runs in either direction', async () => {
    const process = new Process({ s2: 2 });
    expect(await process.slots.of('undo').take(0)).toBe(true);
    await process.begin('a');
    await process.admit('s2');
    await process.end('a');
    expect(process.log).toEqual(['a begins', 'a ends']);
    process.slots.of('undo').release();
    await turns();
    expect(process.log).toEqual(['a begins', 'a ends', 's2 begins alone']);
  });

  it('waits for a handler that outlived its attempt', async () => {
    const process = new Process({ s2: 2 });
    let settle = (): void => undefined;
    process.slots.of('action').leaveBehind(new Promise<void>((resolve) => (settle = resolve)));
    await process.admit('s2');
    expect(process.log).toEqual([]);
    settle();
    await turns();
    expect(process.log).toEqual(['s2 begins alone']);
  });

  it('is not starved by a process that always has something to do', async () => {
    const process = new Process({ s2: 2 });
    await process.begin('a');
    await process.admit('s2');
    await process.begin('b');
    await process.end('a');
    await process.begin('c');
    await process.end('b');
    await pass(TIMES.patienceMs);
    const late = process.begin('d');
    await process.end('c');
    await late;
    expect(process.log).toEqual(['a begins', 'b begins', 'a ends', 'c begins', 'b ends', 'c ends', 's2 begins alone']);
    await process.end('s2');
    expect(process.log.at(-1)).toBe('d begins');
  });

  it('does not stop a process for ever whose handlers take hours, and tries again less and less often', async () => {
    const process = new Process({ s2: 2 });
    await process.begin('hours');
    await process.admit('s2');
    for (const patienceMs of [1_000, 2_000, 4_000, 4_000]) {
      await pass(patienceMs - 1);
      expect(await process.begin('open')).toBe('begun');
      await process.end('open');
      await pass(1);
      const held = process.begin('held');
      await pass(SLOT_WAIT_MS);
      expect([await held, process.log.includes('held begins')]).toEqual(['begun', false]);
      await pass(TIMES.holdMs - SLOT_WAIT_MS);
    }
    expect(process.wentOn).toBe(4);
    await process.end('hours');
    expect(process.log.at(-1)).toBe('s2 begins alone');
  });

  it('makes use of an idle process together with the others that wait for one, one after the other', async () => {
    const process = new Process({ s2: 2, s3: 3 });
    await process.begin('a');
    await process.admit('s2', 's3');
    await process.end('a');
    await process.end('s2');
    await process.end('s3');
    expect(process.log.slice(2)).toEqual(['s2 begins alone', 's2 ends', 's3 begins alone', 's3 ends']);
    expect(process.wentOn).toBe(1);
  });

  it('lets others go on in between when the suspects take long', async () => {
    const process = new Process({ s2: 2, s3: 3 });
    await process.begin('a');
    await process.admit('s2', 's3');
    await process.end('a');
    await pass(TIMES.holdMs - SLOT_WAIT_MS / 2);
    const waiting = process.begin('b');
    await pass(SLOT_WAIT_MS / 2);
    await process.end('s2');
    await waiting;
    expect(process.log.slice(2)).toEqual(['s2 begins alone', 's2 ends', 'b begins']);
    await process.end('b');
    expect(process.log.at(-1)).toBe('s3 begins alone');
  });

  it('has no suspect with one loss beside it', async () => {
    const process = new Process({ s1: 1, s2: 2 });
    await process.admit('s2', 's1');
    await pass(3 * SLOT_WAIT_MS);
    expect(process.log).toEqual(['s2 begins alone']);
    await process.end('s2');
    expect(process.log).toEqual(['s2 begins alone', 's2 ends', 's1 begins']);
  });
});

describe('a gate that is stopped', () => {
  it('leaves no timer behind, holds nothing back and takes nothing in', async () => {
    const process = new Process({ s2: 2 });
    await process.begin('a');
    await process.admit('s2');
    await pass(TIMES.patienceMs); // it is held now
    process.gate.stop();
    await turns();
    expect(jest.getTimerCount()).toBe(0);
    await process.begin('b');
    await process.admit('s3');
    await process.end('a');
    await process.end('b');
    expect(process.log).toEqual(['a begins', 'b begins', 'a ends', 'b ends']);
  });

  it('is not waited for by what runs', async () => {
    const process = new Process({ s2: 2 });
    await process.admit('s2');
    let idle = false;
    process.gate.stop();
    void process.slots.whenIdle().then(() => (idle = true));
    await turns();
    expect(idle).toBe(false);
    await process.end('s2');
    expect(idle).toBe(true);
  });
});

it('no more suspects wait here than a bound; a sweeper brings the rest again', async () => {
  const names = Array.from({ length: 1_200 }, (_, n) => `s${n}`);
  const process = new Process(Object.fromEntries(names.map((name) => [name, 1])));
  await process.admit(...names);
  for (const name of names) await process.end(name);
  expect(process.log.filter((line) => line.endsWith('ends'))).toHaveLength(1_001); // one runs, the others wait
});
