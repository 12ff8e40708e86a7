import type { StartRequest } from '../../ports/saga-start';
import { quotedField, record, textField, valueField } from './record-text';
import type { RecordType } from './record-type';

/** What a saga was given, as a statement gets it: one for itself, and one for each step whose input is not in that. */
export const INPUT_RECORD: RecordType = {
  name: 'input_record',
  fields: 'saga_id text, step int, step_id text, input jsonb, refs jsonb, steps jsonb',
};

/** Characters of JSON that all steps may take together to be in one row with what their saga was given. */
const SHORT = 1_000;

export function inputRecords({ sagaId, context, metadata, businessKey, laidOver, steps }: StartRequest): readonly string[] {
  const id = textField(sagaId);
  const given = `${id},-1,${valueField({ context, metadata, businessKey: businessKey?.key ?? null })},`;
  const overlay = laidOver == null ? [] : [record(`${id},-2,${valueField(laidOver)}${valueField([])},`)];
  const together = JSON.stringify(steps.map(({ stepId, input, references }) => [stepId, input, references]));
  if (together.length <= SHORT) return [record(`${given}${quotedField(together)}`), ...overlay];
  const apart = steps.map(({ stepId, input, references }, step) =>
    record(`${id},${step}${textField(stepId)}${valueField(input)}${valueField(references)},`),
  );
  return [record(`${given},`), ...overlay, ...apart];
}

/** The input of a step, wherever it is: a row `step_id, input, refs`. @param given the alias of what its saga was given */
export function inputOf(s: string, given: string, operation: string): string {
  return `(SELECT short.step ->> 0 AS step_id, short.step -> 1 AS input, short.step -> 2 AS refs
             FROM (SELECT ${given}.steps -> ${operation}.step AS step) short WHERE ${given}.steps IS NOT NULL
           UNION ALL
           SELECT i.step_id, i.input, i.refs FROM ${s}.inputs i
            WHERE ${given}.steps IS NULL AND i.saga_id = ${operation}.saga_id AND i.step = ${operation}.step)`;
}

/** Those of all steps: rows `step, step_id, input, refs`. */
export function inputsOf(s: string, sagaId: string): string {
  return `(SELECT (short.nth - 1)::int AS step, short.step ->> 0 AS step_id, short.step -> 1 AS input, short.step -> 2 AS refs
             FROM ${s}.inputs given CROSS JOIN LATERAL jsonb_array_elements(given.steps) WITH ORDINALITY AS short(step, nth)
            WHERE given.saga_id = ${sagaId} AND given.step = -1
           UNION ALL
           SELECT i.step, i.step_id, i.input, i.refs FROM ${s}.inputs i WHERE i.saga_id = ${sagaId} AND i.step >= 0)`;
}
