// The side door, for tests: the kit with which people test their own sagas, the suites that every adapter passes, for those who write
// one, and the points at which a test may break an engine. No test runner needed.
export type { ContractCase } from './contract-case';
export { explore } from './explore';
export type { Explorable, ExplorableInput, Exploration, ExploredCase, ExploredEnd, ExploreOptions } from './explore';
export type { FaultName } from './explore-faults';
export { withFaultPoints, withTransportFaultPoints } from './fault-points';
export type { FaultPoint } from './fault-points';
export { compensationContext, stepContext, verifyContext, wordIn } from './handler-contexts';
export type { CompensationContextInit, ContextInit, Listening, SaidWord, VerifyContextInit } from './handler-contexts';
export type { HandlerStubs, StubOptions } from './handler-stubs';
export type { SagaTestKitOptions, TestedModules } from './kit-options';
export type { RecordedEffect } from './recorded-effect';
export { SagaExplorationError } from './saga-exploration.error';
export { SagaTestError } from './saga-test.error';
export { SagaTestKit } from './saga-test-kit';
export type { HowOften, StepFaults, When } from './step-faults';
export { storeContract } from './store-contract';
export type { StoreFixture } from './store-contract';
export type { Goal, TestRun } from './test-run';
export type { RunInTransaction } from './transacting-store';
export { transportContract } from './transport-contract';
export type { ArrivedEvent, TransportFixture } from './transport-contract';
export type { VirtualClock } from './virtual-clock';
