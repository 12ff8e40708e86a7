import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { resolveRabbitMqSettings } from './rabbitmq-transport.options';
import { problemsOfOptions } from './rabbitmq-transport.problems';

const engine = { instance: 'default', group: '' };
const problems = (options: object): readonly string[] => problemsOfOptions(options, engine);

describe('the options of rabbitMqTransport', () => {
  const { AMQP_URL } = process.env;
  beforeEach(() => void (process.env['AMQP_URL'] = 'amqp://localhost'));
  afterEach(() => {
    if (AMQP_URL === undefined) delete process.env['AMQP_URL'];
    else process.env['AMQP_URL'] = AMQP_URL;
  });

  it('have defaults for everything when AMQP_URL is set', () => {
    expect(problems({})).toEqual([]);
    expect(resolveRabbitMqSettings({}, engine)).toEqual({
      topology: { exchange: 'sagas', queues: { action: 'saga.steps', undo: 'saga.compensate' } },
      eventsExchange: 'sagas.events',
      connectionName: 'nest-saga',
      confirmTimeoutMs: 5_000,
      heartbeatSeconds: 10,
    });
  });

  it('keep engines and groups apart', () => {
    const { topology, eventsExchange } = resolveRabbitMqSettings({}, { instance: 'billing', group: 'eu' });
    expect(eventsExchange).toBe('sagas.billing.events');
    expect(topology).toEqual({
      exchange: 'sagas.billing',
      queues: { action: 'saga.billing.steps.eu', undo: 'saga.billing.compensate.eu' },
    });
    expect(resolveRabbitMqSettings({ group: 'us', stepQueue: 'work' }, { instance: 'default', group: 'eu' }).topology.queues.action).toBe(
      'work.us',
    );
  });

  it('say in one line what to add when no broker was named', () => {
    delete process.env['AMQP_URL'];
    expect(problems({})).toEqual([expect.stringMatching(/^rabbitMqTransport: no broker was named: set .*AMQP_URL.*uri.*connection/)]);
  });

  it.each<[object, RegExp]>([
    [{ uri: 'http://u:canary@h' }, /"uri" must begin with amqp/],
    [{ uri: 'amqp://u:canary@' }, /"uri" is not an address|"uri" names no host/],
    [{ uri: ['amqp://a', 'canary'] }, /"uri" number 2 is not an address/],
    [{ uri: [7] }, /"uri" is not an address/],
    [{ uri: [] }, /no broker was named/],
    [{ uri: 'amqp://a', connection: 'default' }, /exclude each other/],
    [{ connection: 'default', heartbeatSeconds: 5 }, /owner of "connection"/],
    [{ exchange: 'amq.topic' }, /"amq\."/],
    [{ exchange: '' }, /"exchange" must be a valid name/],
    [{ stepQueue: 'q', compensateQueue: 'q' }, /must differ/],
    [{ exchange: 'x', eventsExchange: 'x' }, /"exchange" and "eventsExchange" must differ/],
    [{ eventsExchange: 'amq.topic' }, /"eventsExchange" must not begin with "amq\."/],
    [{ confirmTimeoutMs: 0 }, /"confirmTimeoutMs"/],
    [{ heartbeatSeconds: Number.NaN }, /"heartbeatSeconds"/],
    [{ exchnage: 'x' }, /there is no option "exchnage" \(did you mean "exchange"\?\)/],
  ])('refuse %j without repeating an address', (options, expected) => {
    expect(problems(options)).toEqual([expect.stringMatching(expected)]);
    expect(problems(options).join()).not.toContain('canary');
  });
});
