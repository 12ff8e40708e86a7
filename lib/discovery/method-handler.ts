import type { HandlerDeclaration } from '../core/handler-declaration';
import type { StepSchemas } from '../ports/step-invoker';

/** A handler that discovery found: what it says of itself, where it is, and how to call it. */
export interface MethodHandler {
  readonly declaration: HandlerDeclaration;
  /** `PaymentService.charge`, for people. */
  readonly where: string;
  readonly schemas?: StepSchemas;
  readonly call: (payload: unknown, context: unknown) => Promise<unknown>;
}
