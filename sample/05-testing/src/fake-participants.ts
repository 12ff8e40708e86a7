import { StepError } from 'nest-saga';
import { Bank, Hotels } from './participants';

/** What a participant remembers of each key. */
class Ledger {
  private readonly entries = new Map<string, number>();

  do(key: string, amount: number): void {
    if (this.entries.get(key) === 0)
      throw new StepError({ code: 'ALREADY_UNDONE', message: 'it was undone before it came', retryable: false });
    this.entries.set(key, amount);
  }

  undo(key: string): void {
    this.entries.set(key, 0);
  }

  get total(): number {
    return [...this.entries.values()].reduce((sum, amount) => sum + amount, 0);
  }
}

export class FakeHotels extends Hotels {
  private readonly ledger = new Ledger();

  async book(key: string, nights: number): Promise<{ readonly room: number }> {
    this.ledger.do(key, nights);
    return { room: 12 };
  }

  async cancel(key: string): Promise<void> {
    this.ledger.undo(key);
  }

  get nights(): number {
    return this.ledger.total;
  }
}

export class FakeBank extends Bank {
  private readonly ledger = new Ledger();

  async charge(key: string, cents: number): Promise<{ readonly receipt: string }> {
    this.ledger.do(key, cents);
    return { receipt: key };
  }

  async refund(key: string): Promise<void> {
    this.ledger.undo(key);
  }

  get cents(): number {
    return this.ledger.total;
  }
}
