/** A TypeORM `DataSource`, by what is looked at: published types must not need TypeORM's. */
export interface ApplicationDataSource {
  readonly options: object;
  readonly isInitialized: boolean;
}
