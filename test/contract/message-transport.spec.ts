import { describe, it } from '@jest/globals';
import { inProcessTransport } from '../../lib/adapters/memory/in-process-transport.definition';
import { transportContract, type ArrivedEvent, type TransportFixture } from '../../lib/testing/transport-contract';
import { Namespace } from './transport-broker';

const fixtures: Record<string, () => Promise<TransportFixture>> = {
  InProcessTransport: async () => {
    const heard: ArrivedEvent[] = [];
    const definition = inProcessTransport({ onEvent: ({ at: _at, tries: _tries, ...event }) => void heard.push(event) });
    const environment = { instance: 'default', group: '', resolve: () => undefined, warn: () => undefined, trouble: () => undefined };
    return { create: () => definition.create(environment), listen: async () => heard, dispose: async () => undefined };
  },
  RabbitMqTransport: async () => {
    const namespace = await Namespace.open();
    return { create: () => namespace.create(), listen: () => namespace.listen(), dispose: () => namespace.dispose() };
  },
};

describe.each(Object.entries(fixtures))('%s', (_, make) => {
  for (const { name, run } of transportContract()) it(name, () => run(make));
});
