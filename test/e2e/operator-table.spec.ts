// The table of docs/operating.md, cell by cell.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inMemoryStore, inProcessTransport, SagaNotFoundError, type Saga, type SagaModuleOptions, type StepUpdate } from 'nest-saga';
import { bootTableApp, STATES, stepIn } from './operator-table.fixture';
import { closeApps, type SagaApp } from './saga-app';

interface Cell {
  readonly call: string;
  readonly as: string | undefined;
  readonly situation: string;
  readonly state: string;
  readonly says: string;
  readonly name: string;
}

const BY = { reason: 'the table says so', actor: 'ann' } as const;
const KINDS: Readonly<Record<string, string>> = { retryStep: 'retry-step', skipStep: 'skip-step', resolveStep: 'reported' };
const UPDATES: Readonly<Record<string, StepUpdate>> = {
  completed: { status: 'completed', output: 'by hand' },
  failed: { status: 'failed', error: { message: 'by hand' } },
  compensated: { status: 'compensated' },
};

function cellsOf(markdown: string): readonly Cell[] {
  const rows = markdown
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const [head = [], ...body] = rows;
  return body.flatMap(([first = '', ...cells]) => {
    const [, call, as, situation = ''] = /^`(\w+)`(?: \(of `SagaService`\))?(?: as (\w+))?(?: of one (.+))?$/.exec(first) ?? [];
    if (call === undefined) throw new Error(`not a call: ${first}`);
    return cells.flatMap((says, place) => {
      const state = head[place + 1] ?? '';
      return says === '' ? [] : [{ call, as, situation, state, says, name: `${first}, ${state}: ${says}`.replaceAll('`', '') }];
    });
  });
}

const CELLS = cellsOf(readFileSync(join(__dirname, '../../docs/operating.md'), 'utf8'));

it('has every call, every state and more than a hundred cells', () => {
  expect([...new Set(CELLS.map(({ call }) => call))].sort()).toEqual(
    [
      'acknowledge',
      'cancel',
      'compensate',
      'delete',
      'explain',
      'pause',
      'resolveStep',
      'resume',
      'retryStep',
      'skipStep',
      'terminate',
    ].sort(),
  );
  expect([...new Set(CELLS.map(({ state }) => state))].sort()).toEqual(Object.keys(STATES).sort());
  expect(CELLS.length).toBeGreaterThan(100);
});

describe.each<[string, () => Partial<SagaModuleOptions>]>([
  ['PostgreSQL and RabbitMQ', () => ({})],
  ['memory', () => ({ store: inMemoryStore(), transport: inProcessTransport() })],
])('What an operator may do, on %s', (_on, options) => {
  let app: SagaApp;

  beforeAll(async () => {
    app = await bootTableApp(options());
  });
  afterAll(closeApps);

  it.each(CELLS.map((cell) => [cell.name, cell] as const))('%s', async (_name, cell) => {
    const make = STATES[cell.state];
    if (make === undefined) throw new Error(`no such state: ${cell.state}`);
    const id = await make(app, cell.situation);
    const before = await app.sagas.get(id);
    const answer = ask(app, cell, id);
    const written = async (): Promise<readonly unknown[]> => (await app.sagas.history(id)).filter(({ reason }) => reason === BY.reason);

    const error = /^throws `(\w+)`$/.exec(cell.says)?.[1];
    if (error !== undefined) {
      await expect(answer).rejects.toMatchObject({ name: error });
      expect(await app.sagas.get(id)).toEqual(before);
      expect(await written()).toEqual([]);
      return;
    }
    if (cell.says === 'removes it') {
      await answer;
      await expect(app.sagas.get(id)).rejects.toThrow(SagaNotFoundError);
      return;
    }
    const state = /`(\w+)`$/.exec(cell.says)?.[1];
    const saga = await answer;
    expect(saga).toMatchObject({ state });
    if (cell.says.startsWith('says')) return;
    if (cell.says.startsWith('stays')) {
      expect(saga).toEqual(before);
      expect(await written()).toEqual([]);
      return;
    }
    expect(saga).toMatchObject({ paused: pausedAfter(cell, saga as Saga), attention: cell.state === 'attention' && cell.as === undefined });
    expect(await written()).toEqual([expect.objectContaining({ kind: KINDS[cell.call] ?? cell.call, ...BY })]);
  });
});

async function ask({ operator, sagas }: SagaApp, cell: Cell, id: string): Promise<unknown> {
  const step = (): string => stepIn(cell.state, cell.situation);
  switch (cell.call) {
    case 'cancel':
    case 'terminate':
    case 'pause':
    case 'resume':
    case 'acknowledge':
      return operator[cell.call](id, BY);
    case 'compensate':
      return sagas.compensate(id, BY);
    case 'retryStep':
    case 'skipStep':
      return operator[cell.call](id, step(), BY);
    case 'resolveStep':
      return operator.resolveStep(id, step(), UPDATES[cell.as ?? ''] as StepUpdate, BY);
    case 'delete':
      return sagas.delete(id);
    case 'explain':
      return operator.explain(id);
    default:
      throw new Error(`no such call: ${cell.call}`);
  }
}

function pausedAfter({ call, state }: Cell, saga: Saga): boolean {
  if (saga.isTerminal || call === 'resume') return false;
  return call === 'pause' || state === 'paused';
}
