/** Thrown when a test asks of its kit what cannot be, or when what it waits for does not happen. The message says what to do. */
export class SagaTestError extends Error {
  override readonly name: string = 'SagaTestError';
}
