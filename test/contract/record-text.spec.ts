// What is written as text for PostgreSQL's composite types is read by PostgreSQL as it was meant.
import { describe, expect, it } from '@jest/globals';
import {
  countField,
  flagField,
  jsonField,
  numberField,
  numbersField,
  record,
  textField,
  valueField,
  wordField,
} from '../../lib/adapters/typeorm/record-text';
import { recordArray, unnested, type RecordType } from '../../lib/adapters/typeorm/record-type';
import { RECORD_TYPES } from '../../lib/adapters/typeorm/schema';
import { postgresFixture } from './typeorm-store.fixture';

const NASTY = [
  '',
  ' ',
  'NULL',
  'null',
  '()',
  'a,b',
  '{a}',
  '"',
  '\\',
  '\\"',
  '"""\\\\',
  "it's",
  '\n\t\r',
  '\u001f',
  'grün 🦊',
  '$1',
  '$&',
  '%',
];

describe('a record', () => {
  it.each(RECORD_TYPES)('of type $name keeps whatever a field can hold', async (type) => {
    const { app, schema, dispose } = await postgresFixture();
    try {
      const fields = fieldsOf(type);
      const values = [...NASTY, null].map((text, place) => fields.map(({ kind }) => valueOf(kind, text, place)));
      const text = recordArray(values.map((row) => record(row.map((value, place) => written(fields[place]?.kind ?? '', value)).join(''))));
      const rows: unknown[] = await app.query(`SELECT to_jsonb(r) - 'value' AS r FROM ${unnested(`"${schema}"`, type, '$1')} AS r`, [text]);
      const expected: unknown[] = values.map((row) => ({
        r: Object.fromEntries(row.map((value, place): [string, unknown] => [fields[place]?.name ?? '', value])),
      }));
      expect(rows).toEqual(expected);
    } finally {
      await dispose();
    }
  });

  it('leaves out 0 and false, and tells null from nothing', () => {
    expect(record(countField(0) + flagField(false) + numberField(0) + jsonField(null) + valueField(null) + wordField(null))).toBe(
      '"(,,0,,\\"null\\",)"',
    );
  });
});

function fieldsOf({ fields }: RecordType): readonly { readonly name: string; readonly kind: string }[] {
  return fields.split(',').map((field) => {
    const [name = '', kind = ''] = field.trim().split(' ');
    return { name, kind };
  });
}

function valueOf(kind: string, text: string | null, place: number): unknown {
  if (text === null) return null;
  if (kind === 'text') return text;
  if (kind === 'boolean') return true;
  if (kind === 'int[]') return Array.from({ length: place }, (_, n) => n);
  if (kind === 'jsonb') return { [text]: [text, null, { text }] };
  return place + 1;
}

function written(kind: string, value: unknown): string {
  if (kind === 'text') return textField(value as string | null);
  if (kind === 'boolean') return value === null ? ',' : flagField(value as boolean);
  if (kind === 'int[]') return numbersField(value as readonly number[] | null);
  if (kind === 'jsonb') return jsonField(value);
  return numberField(value as number | null);
}
