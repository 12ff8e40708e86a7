import type { NoticeBoard, NoticeEar } from '../../ports/notice-board';
import type { InProcessExchange } from './in-process.transport-exchange';

/** One application's notices on an exchange inside this process. */
export class InProcessNotices implements NoticeBoard {
  readonly #topics = new Set<string>();
  #isOpen = false;

  constructor(
    private readonly exchange: InProcessExchange,
    private readonly ear: NoticeEar,
  ) {}

  get isListening(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
    for (const topic of this.#topics) this.exchange.follow(topic, this.ear);
  }

  tell(topic: string, text: string): void {
    if (this.#isOpen) this.exchange.tell(topic, text);
  }

  follow(topic: string): void {
    this.#topics.add(topic);
    if (this.#isOpen) this.exchange.follow(topic, this.ear);
  }

  unfollow(topic: string): void {
    if (this.#topics.delete(topic)) this.exchange.unfollow(topic, this.ear);
  }

  close(): void {
    this.#isOpen = false;
    for (const topic of this.#topics) this.exchange.unfollow(topic, this.ear);
  }
}
