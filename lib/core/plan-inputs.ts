import { SagaInputError } from '../errors';
import { stepsIn } from './condition';
import { toJson, type Json, type JsonLimits } from './json';
import { quoted } from './names';
import type { PlanStep } from './plan';
import { ancestorsOf } from './plan-graph';
import { takeReferences, type FoundReference, type StoredReference } from './reference';
import type { PlainStep } from './step-spec';
import { didYouMean } from './suggestion';

export interface StepInput {
  readonly input: Json;
  readonly references: readonly StoredReference[];
}

/** Makes the stored inputs of a plan; whatever cannot be stored or resolved is named in `problems`. */
export class InputCompiler {
  constructor(
    private readonly steps: readonly PlanStep[],
    private readonly limits: JsonLimits,
    private readonly problems: string[],
  ) {}

  compile(spec: PlainStep, place: number): StepInput {
    try {
      const { data, found } = takeReferences(spec.input ?? null, `input of step "${spec.name}"`, this.limits);
      const references = found.map((reference) => this.compileReference(reference, spec.name, place));
      return { input: data, references: [...references, ...this.lookedAt(place)] };
    } catch (error) {
      if (!(error instanceof SagaInputError)) throw error;
      this.problems.push(error.message);
      return { input: null, references: [] };
    }
  }

  /** The outputs that its condition looks at come with its claim as well. */
  private lookedAt(place: number): readonly StoredReference[] {
    const when = this.steps[place]?.when;
    return when === undefined ? [] : [...new Set(stepsIn(when))].map((step) => ({ at: null, step, path: [] }));
  }

  private compileReference({ at, reference }: FoundReference, name: string, place: number): StoredReference {
    const { source, path } = reference;
    const what = `what a reference in the input of step "${name}" takes otherwise`;
    const otherwise = reference.otherwise === undefined ? {} : { otherwise: toJson(reference.otherwise.value, what, this.limits) };
    const isStorable = (key: unknown): boolean => typeof key === 'string' && key.isWellFormed() && !key.includes('\u0000');
    if (!path.every(isStorable)) this.refuse(name, 'the path of a reference must be made of texts that PostgreSQL can store');
    if (source.kind === 'context') return { at, path, step: null, ...otherwise };
    const step = this.steps.findIndex((candidate) => candidate.name === source.step);
    if (step < 0) {
      const names = this.steps.map((candidate) => candidate.name);
      this.refuse(
        name,
        `refers to the output of ${quoted(source.step)}, which is not a step of this saga${didYouMean(source.step, names)}`,
      );
    } else if (!ancestorsOf(this.steps, place).has(step)) {
      this.refuse(name, `refers to the output of "${source.step}", which may not have settled by then; put it in dependsOn`);
    }
    return { at, path, step, ...otherwise };
  }

  private refuse(name: string, problem: string): void {
    this.problems.push(`step "${name}": ${problem}`);
  }
}
