/** What every error of this package has in common. `code` is stable and documented in `docs/errors.md`. */
export abstract class SagaError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}
