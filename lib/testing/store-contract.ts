import { applyCases } from './store-contract.apply';
import { chainCases } from './store-contract.chain';
import { claimCases } from './store-contract.claim';
import { guardCases } from './store-contract.guard';
import { dataCases } from './store-contract.data';
import type { StoreFixture } from './store-contract.fixture';
import type { ContractCase } from './contract-case';
import { kindCases } from './store-contract.kinds';
import { handlerCases } from './store-contract.handlers';
import { outboxCases } from './store-contract.outbox';
import { inspectCases } from './store-contract.inspect';
import { parentCases } from './store-contract.parents';
import { pauseCases } from './store-contract.pauses';
import { queryCases } from './store-contract.queries';
import { startCases } from './store-contract.start';
import { sweepCases } from './store-contract.sweep';
import { verifyCases } from './store-contract.verify';
import { waitCases } from './store-contract.waits';
import { walkCases } from './store-contract.walk';

export type { StoreFixture } from './store-contract.fixture';

/**
 * What every SagaStore promises, for any test runner. Each case asks for a fixture of its own, with nothing in it.
 *
 * @example
 * for (const { name, run } of storeContract()) it(name, () => run(makeFixture));
 */
export function storeContract(): readonly ContractCase<StoreFixture>[] {
  return [
    ...startCases,
    ...claimCases,
    ...guardCases,
    ...applyCases,
    ...chainCases,
    ...sweepCases,
    ...queryCases,
    ...pauseCases,
    ...handlerCases,
    ...inspectCases,
    ...verifyCases,
    ...kindCases,
    ...dataCases,
    ...waitCases,
    ...walkCases,
    ...outboxCases,
    ...parentCases,
  ];
}
