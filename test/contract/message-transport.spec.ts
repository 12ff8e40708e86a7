import { describe, it } from '@jest/globals';
import { inProcessTransport } from '../../lib/adapters/memory/in-process-transport.definition';
import { transportContract, type TransportFixture } from '../../lib/testing/transport-contract';
import { Namespace } from './transport-broker';

const fixtures: Record<string, () => Promise<TransportFixture>> = {
  InProcessTransport: async () => {
    const definition = inProcessTransport();
    const environment = { instance: 'default', group: '', resolve: () => undefined, warn: () => undefined, trouble: () => undefined };
    return { create: () => definition.create(environment), dispose: async () => undefined };
  },
  RabbitMqTransport: async () => {
    const namespace = await Namespace.open();
    return { create: () => namespace.create(), dispose: () => namespace.dispose() };
  },
};

describe.each(Object.entries(fixtures))('%s', (_, make) => {
  for (const { name, run } of transportContract()) it(name, () => run(make));
});
