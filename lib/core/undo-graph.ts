import { dependentsByStep, UNDOS_AT_ONCE, type Plan } from './plan';

/** Where the undo of one step stands among the others. */
export interface UndoPlace {
  readonly step: number;
  /** Steps whose undos must have completed before it starts. What these wait for themselves is left out. */
  readonly waitsFor: readonly number[];
  /** The same seen from the other side: steps whose undos wait for this one. */
  readonly releases: readonly number[];
  /** 1 when it starts at once, else one more than the last wave that it waits for. */
  readonly wave: number;
}

/**
 * The order in which steps are undone: none before everything that was built on it, through steps that need no undo as well, and
 * never more than so many at once.
 *
 * The limit is kept by lanes. Each undo has a place in one lane and waits for the one before it there, so that a lane has one at a
 * time. It takes a lane whose last undo it waits for anyway; if there is none, a new lane; and only when there are as many lanes as
 * undos may run, the lane whose last undo came first. So nothing waits for what it was not built on unless more is to be done at
 * once than may be, and then later ones never wait for earlier ones.
 *
 * @param steps those that need an undo, the last one started first
 */
export function arrangeUndos(plan: Plan, steps: readonly number[]): readonly UndoPlace[] {
  const arrangement = new Arrangement(dependentsByStep(plan), steps, plan.undosAtOnce ?? UNDOS_AT_ONCE);
  return arrangement.places();
}

/** How far each lane must have come: the highest place in it, -1 for none. Lanes that came later are left out. */
type Reach = Int32Array;
const NOWHERE: Reach = new Int32Array(0);

/**
 * What has to be done before a step is undone is kept as one place a lane, for whatever is before that place in the lane is done as
 * well. So a graph of any shape costs its edges times its lanes, and an undo never waits for more undos than there are lanes.
 */
class Arrangement {
  private readonly needsUndo: ReadonlySet<number>;
  /** By step: what is undone when everything that was built on it is, and itself. */
  private readonly reach = new Map<number, Reach>();
  /** Steps that are built on by the same ones need the same. */
  private readonly merged = new Map<string, Reach>();
  private readonly least = new Map<Reach, readonly number[]>();
  private readonly placed: { readonly step: number; readonly needs: Reach; readonly own: Reach; readonly waitsFor: readonly number[] }[] =
    [];
  /** By lane: its last place. */
  private readonly last: number[] = [];

  constructor(
    private readonly dependents: ReadonlyMap<number, readonly number[]>,
    private readonly steps: readonly number[],
    private readonly limit: number,
  ) {
    this.needsUndo = new Set(steps);
  }

  places(): readonly UndoPlace[] {
    for (const step of this.steps) this.visit(step);
    const releases = new Map<number, number[]>(this.placed.map(({ step }) => [step, []]));
    const waves: number[] = [];
    this.placed.forEach(({ step, waitsFor }, place) => {
      for (const other of waitsFor) releases.get(this.stepAt(other))?.push(step);
      waves[place] = 1 + waitsFor.reduce((last, other) => Math.max(last, waves[other] ?? 0), 0);
    });
    return this.placed.map(({ step, waitsFor }, place) => ({
      step,
      waitsFor: waitsFor.map((other) => this.stepAt(other)),
      releases: releases.get(step) ?? [],
      wave: waves[place] ?? 1,
    }));
  }

  /** Everything that was built on it comes before it. Without recursion: ten thousand steps may stand in one row. */
  private visit(root: number): void {
    const entered = new Set<number>();
    const path = [root];
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      if (this.reach.has(step)) path.pop();
      else if (entered.has(step)) this.reach.set(step, this.reachOf(step));
      else {
        entered.add(step);
        for (const other of this.dependentsOf(step)) if (!this.reach.has(other)) path.push(other);
      }
    }
  }

  private reachOf(step: number): Reach {
    const needs = this.needsOf(this.dependentsOf(step));
    return this.needsUndo.has(step) ? this.place(step, needs) : needs;
  }

  private place(step: number, needed: Reach): Reach {
    const lane = this.laneFor(needed);
    const before = this.last[lane];
    const isNews = before !== undefined && (needed[lane] ?? -1) < before;
    const needs = isNews ? union([needed, this.ownOf(before)]) : needed;
    const place = this.placed.length;
    const own = new Int32Array(Math.max(needs.length, lane + 1)).fill(-1);
    own.set(needs);
    own[lane] = place;
    this.last[lane] = place;
    this.placed.push({ step, needs, own, waitsFor: this.leastOf(needs) });
    return own;
  }

  private laneFor(needed: Reach): number {
    let free = -1;
    let oldest = 0;
    for (const [lane, place] of this.last.entries()) {
      if (place === needed[lane] && (free === -1 || place > (this.last[free] ?? 0))) free = lane;
      if (place < (this.last[oldest] ?? 0)) oldest = lane;
    }
    if (free !== -1) return free;
    return this.last.length < this.limit ? this.last.length : oldest;
  }

  private needsOf(dependents: readonly number[]): Reach {
    const [only, ...others] = dependents;
    if (only === undefined) return NOWHERE;
    if (others.length === 0) return this.reach.get(only) ?? NOWHERE;
    const key = dependents.join();
    const known = this.merged.get(key);
    if (known !== undefined) return known;
    const needs = union(dependents.map((other) => this.reach.get(other) ?? NOWHERE));
    this.merged.set(key, needs);
    return needs;
  }

  /** Of the places that must be done those that are not done anyway when the others are. */
  private leastOf(needs: Reach): readonly number[] {
    const known = this.least.get(needs);
    if (known !== undefined) return known;
    const lanes = new Map<number, number>();
    for (let lane = 0; lane < needs.length; lane++) if (needs[lane] !== -1) lanes.set(needs[lane] ?? -1, lane);
    const least: number[] = [];
    const done = new Int32Array(needs.length).fill(-1);
    for (const place of [...lanes.keys()].sort((a, b) => b - a)) {
      if (place <= (done[lanes.get(place) ?? -1] ?? -1)) continue;
      least.push(place);
      reachAlso(done, this.placed[place]?.needs ?? NOWHERE);
    }
    this.least.set(needs, least);
    return least;
  }

  private dependentsOf(step: number): readonly number[] {
    return this.dependents.get(step) ?? [];
  }

  private stepAt(place: number): number {
    return this.placed[place]?.step ?? -1;
  }

  private ownOf(place: number): Reach {
    return this.placed[place]?.own ?? NOWHERE;
  }
}

function union(reaches: readonly Reach[]): Reach {
  const all = new Int32Array(reaches.reduce((longest, { length }) => Math.max(longest, length), 0)).fill(-1);
  for (const reach of reaches) reachAlso(all, reach);
  return all;
}

/** A plain loop: this is where the time goes. */
function reachAlso(all: Reach, more: Reach): void {
  for (let lane = 0; lane < more.length; lane++) {
    const place = more[lane] ?? -1;
    if (place > (all[lane] ?? -1)) all[lane] = place;
  }
}
