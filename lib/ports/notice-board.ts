/**
 * Brief words from process to process, for those who wait at this moment. Neither kept nor confirmed: whoever waits for one looks for
 * itself now and then. A transport makes one board at most, and what it needs for it comes back by itself after a fault.
 */
export interface NoticeBoard {
  /** Everything that is followed arrives here at this moment, as far as anybody knows. */
  readonly isListening: boolean;

  /** Tells everybody who follows the topic now. Lost when nobody does, or when the broker is out of reach. Never throws, never waits. */
  tell(topic: string, text: string): void;

  /** Wishes to hear what is told under this topic, across reconnections, until `unfollow`. Costs a round trip to the broker. */
  follow(topic: string): void;
  unfollow(topic: string): void;
}

/** Who hears what is told. Neither may throw. */
export interface NoticeEar {
  /** Written by anybody who can reach the broker: a reason to look, never a fact. At most 4,096 characters. */
  onNotice(topic: string, text: string): void;
  /** From now on what is told under this topic arrives; what was told before may have been missed. Again after each reconnection. */
  onFollowed(topic: string): void;
}
