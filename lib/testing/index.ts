// The side door: the suites that every adapter passes, for people who write one of their own, and the points at which a test may
// break an engine. No test runner needed.
export type { ContractCase } from './contract-case';
export { withFaultPoints, withTransportFaultPoints } from './fault-points';
export type { FaultPoint } from './fault-points';
export { storeContract } from './store-contract';
export { transportContract } from './transport-contract';
