import type { DataSource } from 'typeorm';
import { isRecord } from '../../core/known-fields';
import type { AdapterEnvironment } from '../../ports/store-definition';
import type { ApplicationDataSource } from './application-data-source';
import { loadTypeOrm } from './vendor';

/** The DataSource itself, or the name under which the application registered it with `TypeOrmModule`. */
export type DataSourceChoice = ApplicationDataSource | string | undefined;

export function findDataSource(choice: DataSourceChoice, env: AdapterEnvironment): DataSource | undefined {
  if (typeof choice === 'object') return choice as DataSource;
  // The tokens of @nestjs/typeorm, which is not needed for anything else.
  const token = choice === undefined || choice === 'default' ? loadTypeOrm().DataSource : `${choice}DataSource`;
  return env.resolve<DataSource>(token);
}

/** What keeps this DataSource from holding sagas. */
export function dataSourceProblems(choice: DataSourceChoice, env: AdapterEnvironment): readonly string[] {
  if (!isChoice(choice)) return ['typeOrmStore(): dataSource must be a TypeORM DataSource, or the name it has in the application'];
  const dataSource = findDataSource(choice, env);
  if (dataSource === undefined) {
    const name = typeof choice === 'string' && choice !== 'default' ? ` named "${choice}"` : '';
    const remedy = `import TypeOrmModule.forRoot({ type: 'postgres', … }) or pass store: typeOrmStore({ dataSource })`;
    return [`no TypeORM DataSource${name}: ${remedy}`];
  }
  const { type, extra } = dataSource.options as { readonly type?: unknown; readonly extra?: { readonly query_timeout?: unknown } };
  const problems: string[] = [];
  if (type !== 'postgres') {
    problems.push(
      `the TypeORM DataSource is of type "${String(type)}", and sagas need PostgreSQL: pass typeOrmStore({ dataSource }) one of type "postgres"`,
    );
  }
  if (extra?.query_timeout != null) {
    problems.push(
      'the DataSource has extra.query_timeout: a timed out statement leaves its transaction open, and the next user of the connection commits it. Use extra.statement_timeout',
    );
  }
  return problems;
}

function isChoice(choice: unknown): choice is DataSourceChoice {
  if (choice === undefined || typeof choice === 'string') return true;
  return isRecord(choice) && typeof choice['options'] === 'object';
}
