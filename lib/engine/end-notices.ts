import { isSagaId } from '../core/names';
import type { MessageTransport } from '../ports/message-transport';
import type { NoticeBoard } from '../ports/notice-board';
import type { Scheduler, Timer } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';

/** A lane that nobody waits in is followed for a while: the next caller of `execute()` needs it again. */
const LINGER_MS = 30_000;
/** Ends in one notice, which has at most 4,096 characters. */
const MOST_IN_ONE = 100;

interface Lane {
  readonly sagaIds: Set<string>;
  linger: Timer | undefined;
}

export interface EndListener {
  /** Somebody says so. */
  ended(sagaId: string): void;
  /** From now on one hears of the ends of these; they may have ended before. */
  hearing(sagaIds: Iterable<string>): void;
}

/**
 * Who ends a saga does not know who waits for it. So ends are told by lanes, 1,024 of them, which two characters of the saga's id say;
 * all sagas that one process has started are in one lane. A process follows the lanes of the sagas that it waits for, mostly its own
 * one: one binding, and hardly an end that it does not want. (A binding a saga costs the broker 0.5 ms each, and all ends to every
 * process cost every process the whole load.)
 */
export class EndNotices {
  private readonly lanes = new Map<string, Lane>();
  private readonly board: NoticeBoard | undefined;
  private readonly toTell = new Map<string, string[]>();
  private telling: Timer | undefined;

  constructor(
    transport: Pick<MessageTransport, 'notices'>,
    private readonly listener: EndListener,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    this.board = transport.notices?.({
      onNotice: (_topic, text) => {
        for (const sagaId of text.split(' ')) if (isSagaId(sagaId)) listener.ended(sagaId);
      },
      onFollowed: (topic) => this.listener.hearing(this.lanes.get(topic)?.sagaIds ?? []),
    });
  }

  /** False: ends in other processes are found by looking only. */
  get areHeard(): boolean {
    return this.board?.isListening ?? false;
  }

  /** Ends that come together are told together. */
  tell(sagaId: string): void {
    if (this.board === undefined) return;
    const name = laneOf(sagaId);
    const others = this.toTell.get(name);
    if (others === undefined) this.toTell.set(name, [sagaId]);
    else others.push(sagaId);
    this.telling ??= this.scheduler.after(0, () => this.tellAll());
  }

  private tellAll(): void {
    this.telling = undefined;
    for (const [name, sagaIds] of this.toTell) {
      for (let place = 0; place < sagaIds.length; place += MOST_IN_ONE) {
        this.board?.tell(name, sagaIds.slice(place, place + MOST_IN_ONE).join(' '));
      }
    }
    this.toTell.clear();
  }

  join(sagaId: string): void {
    const name = laneOf(sagaId);
    const lane = this.lanes.get(name);
    if (lane !== undefined) {
      lane.linger?.cancel();
      lane.sagaIds.add(sagaId);
      return;
    }
    this.lanes.set(name, { sagaIds: new Set([sagaId]), linger: undefined });
    this.board?.follow(name);
  }

  leave(sagaId: string): void {
    const name = laneOf(sagaId);
    const lane = this.lanes.get(name);
    if (lane === undefined || !lane.sagaIds.delete(sagaId) || lane.sagaIds.size > 0) return;
    const unfollow = (): void => {
      this.lanes.delete(name);
      this.board?.unfollow(name);
    };
    lane.linger = this.scheduler.after(LINGER_MS, unfollow, { keepsAlive: false, isRoutine: true });
  }

  close(): void {
    this.telling?.cancel();
    this.tellAll();
    for (const { linger } of this.lanes.values()) linger?.cancel();
    this.lanes.clear();
  }
}

/** The first two of the random characters of a ULID: see `Identity.newId`. */
function laneOf(sagaId: string): string {
  return `ended.${sagaId.slice(10, 12)}`;
}
