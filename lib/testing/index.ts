// The side door for people who write a store or a transport of their own: the suites that every adapter passes. No test runner needed.
export type { ContractCase } from './contract-case';
export { storeContract } from './store-contract';
export { transportContract } from './transport-contract';
