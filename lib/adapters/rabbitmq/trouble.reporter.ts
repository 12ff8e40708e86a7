import { BrokerTroubleError } from './broker-trouble.error';
import { redact } from './redact';

/** Tells people what is wrong, without flooding them and without the password: a broker that is down fails every two seconds. */
export class TroubleReporter {
  readonly #said = new Map<string, { text: string; at: number }>();
  #silent = false;

  constructor(
    private readonly tell: (error: Error) => void,
    private readonly secrets: readonly string[],
  ) {}

  /** The same text on the same subject is told again only after `everyMs`; another text at once. */
  report(subject: string, error: unknown, everyMs = 60_000): void {
    const text = redact(`${subject}: ${messageOf(error)}`, this.secrets);
    const last = this.#said.get(subject);
    if (last?.text === text && performance.now() - last.at < everyMs) return;
    this.#said.set(subject, { text, at: performance.now() });
    this.#say(text);
  }

  /** For what strangers can cause: at most one a second on a subject, whatever its text. */
  reportSeldom(subject: string, error: unknown): void {
    const last = this.#said.get(subject);
    if (last !== undefined && performance.now() - last.at < 1_000) return;
    this.#said.set(subject, { text: '', at: performance.now() });
    this.#say(redact(`${subject}: ${messageOf(error)}`, this.secrets));
  }

  /** It works again: the next failure is news. */
  forget(subject: string): void {
    this.#said.delete(subject);
  }

  silence(): void {
    this.#silent = true;
  }

  #say(text: string): void {
    if (this.#silent) return;
    try {
      this.tell(new BrokerTroubleError(text));
    } catch {
      // A logger that throws must not take the connection with it.
    }
  }
}

// By shape: an error from another realm, as under Jest, is no instance of Error.
function messageOf(error: unknown): string {
  const { message, name, errors } = (error ?? {}) as { readonly message?: unknown; readonly name?: unknown; readonly errors?: unknown };
  if (typeof message === 'string' && message !== '') return message;
  // One failure for each address of a host.
  if (Array.isArray(errors) && errors.length > 0) return errors.map(messageOf).join('; ');
  return typeof name === 'string' ? name : 'unknown reason';
}
