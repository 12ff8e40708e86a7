import assert from 'node:assert/strict';
import type { NoticeBoard } from '../ports/notice-board';
import { eventually } from './transport-contract.eventually';
import type { Peer } from './transport-contract.peer';

interface NoticeStage {
  peer(): Peer;
}

/** One process that tells and hears, and what it has heard. */
class Listener {
  readonly heard: string[] = [];
  readonly followed: string[] = [];

  constructor(
    readonly peer: Peer,
    readonly board: NoticeBoard,
    private readonly ear: { onNotice?: (topic: string, text: string) => void; onFollowed?: (topic: string) => void },
  ) {
    this.ear.onNotice = (topic, text) => void this.heard.push(`${topic} ${text}`);
    this.ear.onFollowed = (topic) => void this.followed.push(topic);
  }

  static of(stage: NoticeStage): Listener | null {
    const peer = stage.peer();
    const ear: { onNotice?: (topic: string, text: string) => void; onFollowed?: (topic: string) => void } = {};
    const board = peer.transport.notices?.({
      onNotice: (topic, text) => ear.onNotice?.(topic, text),
      onFollowed: (topic) => ear.onFollowed?.(topic),
    });
    return board === undefined ? null : new Listener(peer, board, ear);
  }

  async follows(...topics: readonly string[]): Promise<void> {
    for (const topic of topics) this.board.follow(topic);
    await this.hasFollowed(...topics);
  }

  hasFollowed(...topics: readonly string[]): Promise<void> {
    return eventually(`${topics.join(', ')} followed`, () => topics.every((topic) => this.followed.includes(topic)));
  }

  hears(topic: string, text: string): Promise<void> {
    return eventually(`${topic} ${text} heard`, () => this.heard.includes(`${topic} ${text}`));
  }

  /** Until it is heard: what is told before the way is open is lost. */
  async tellUntil(topic: string, text: string, listener: Listener): Promise<void> {
    await eventually(`${topic} ${text} arrived`, () => {
      this.board.tell(topic, text);
      return listener.heard.includes(`${topic} ${text}`);
    });
  }
}

type Case = readonly [name: string, body: (stage: NoticeStage) => Promise<void>];

function withTwo(name: string, body: (one: Listener, other: Listener) => Promise<void>): Case {
  return [
    name,
    async (stage) => {
      const [one, other] = [Listener.of(stage), Listener.of(stage)];
      if (one === null || other === null) return; // a transport may have none
      await body(one, other);
    },
  ];
}

export const notices: readonly Case[] = [
  withTwo('tells a notice of 4,096 characters whole', async (one, other) => {
    await Promise.all([one.peer.join(), other.peer.join()]);
    await other.follows('ended.a');
    await one.tellUntil('ended.a', 'ready', other);
    const text = 'x'.repeat(4_096);
    one.board.tell('ended.a', text);
    await other.hears('ended.a', text);
  }),

  withTwo('tells a notice to everybody who follows its topic, itself as well, and nothing else', async (one, other) => {
    await Promise.all([one.peer.join(), other.peer.join()]);
    await Promise.all([one.follows('ended.a', 'ended.b'), other.follows('ended.b')]);
    await one.tellUntil('ended.b', 'ready', other);
    one.board.tell('ended.a', '1');
    one.board.tell('ended.c', '2');
    one.board.tell('ended.b', '3');
    await Promise.all([one.hears('ended.b', '3'), other.hears('ended.b', '3'), one.hears('ended.a', '1')]);
    const news = (listener: Listener): readonly string[] => listener.heard.filter((line) => !line.endsWith('ready'));
    assert.deepEqual(news(one), ['ended.a 1', 'ended.b 3']);
    assert.deepEqual(news(other), ['ended.b 3']);
    assert.ok(one.board.isListening && other.board.isListening);
  }),
  withTwo('says when a topic is followed, also one that was wished for before open', async (one, other) => {
    one.board.follow('ended.a');
    assert.deepEqual(one.followed, []);
    assert.equal(one.board.isListening, false);
    await Promise.all([one.peer.join(), other.peer.join()]);
    await one.hasFollowed('ended.a');
    await other.tellUntil('ended.a', '1', one);
  }),
  withTwo('tells no more of a topic that is not followed any longer', async (one, other) => {
    await Promise.all([one.peer.join(), other.peer.join()]);
    await one.follows('ended.a', 'ended.b');
    await other.tellUntil('ended.a', 'before', one);
    one.board.unfollow('ended.a');
    one.followed.length = 0;
    await one.follows('ended.b'); // what was asked for is answered in order
    other.board.tell('ended.a', 'after');
    await other.tellUntil('ended.b', 'after', one);
    assert.ok(!one.heard.includes('ended.a after'));
  }),
  withTwo('tells and hears between stop and close, and nothing after it', async (one, other) => {
    await Promise.all([one.peer.join(), other.peer.join()]);
    await Promise.all([one.follows('ended.a'), other.follows('ended.a')]);
    await one.peer.transport.stop();
    await one.tellUntil('ended.a', 'stopped', other);
    await other.tellUntil('ended.a', 'heard', one);
    await one.peer.transport.close();
    assert.equal(one.board.isListening, false);
    const before = one.heard.length;
    one.board.tell('ended.a', 'closed');
    one.board.follow('ended.b');
    one.board.unfollow('ended.a');
    await other.tellUntil('ended.a', 'last', other);
    assert.equal(one.heard.length, before);
    assert.ok(!other.heard.includes('ended.a closed'));
  }),
];
