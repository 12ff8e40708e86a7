/** What a trip is made of, elsewhere. Both do a thing once for each key, however often they are asked. */
export abstract class Hotels {
  abstract book(key: string, nights: number): Promise<{ readonly room: number }>;
  /** Also when the booking has not come yet: then it will be refused when it does. */
  abstract cancel(key: string): Promise<void>;
}

export abstract class Bank {
  abstract charge(key: string, cents: number): Promise<{ readonly receipt: string }>;
  /** Also when the charge has not come yet: then it will be refused when it does. */
  abstract refund(key: string): Promise<void>;
}
