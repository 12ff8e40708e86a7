/** One promise of a port, as a test that any runner can run. `make` gives it a fresh fixture. */
export interface ContractCase<T> {
  readonly name: string;
  run(make: () => Promise<T>): Promise<void>;
}
