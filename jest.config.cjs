// Two projects: `unit` needs nothing, `services` needs PostgreSQL and RabbitMQ (see test/services).

/** Packages that come as ES modules alone, which Jest does not load as they are. */
const ES_MODULES = '(arktype|arkregex|@ark)';

/** @type {import('jest').Config} */
const shared = {
  rootDir: __dirname,
  testEnvironment: 'node',
  moduleNameMapper: {
    '^nest-saga$': '<rootDir>/lib/index.ts',
    '^nest-saga/testing$': '<rootDir>/lib/testing/index.ts',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/sample/.*/dist/'],
  transformIgnorePatterns: [`/node_modules/(?!${ES_MODULES}/)`],
  transform: {
    [`/node_modules/${ES_MODULES}/.+\\.js$`]: ['@swc/jest', { swcrc: false, module: { type: 'commonjs' }, jsc: { target: 'es2022' } }],
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        sourceMaps: 'inline',
        module: { type: 'commonjs' },
        jsc: {
          target: 'es2022',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: {
            legacyDecorator: true,
            decoratorMetadata: true,
            // Fields that are only declared must not overwrite what a decorator or a base class has set.
            useDefineForClassFields: false,
          },
        },
      },
    ],
  },
};

/** @type {import('jest').Config} */
module.exports = {
  maxWorkers: 2,
  // Jest ignores it inside a project.
  testTimeout: 30_000,
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: [
        '<rootDir>/lib/**/*.spec.ts',
        '<rootDir>/test/property/**/*.spec.ts',
        '<rootDir>/test/types/**/*.spec.ts',
        '<rootDir>/test/architecture/**/*.spec.ts',
      ],
    },
    {
      ...shared,
      displayName: 'services',
      globalSetup: '<rootDir>/test/services/require-services.cjs',
      testMatch: ['<rootDir>/test/contract/**/*.spec.ts', '<rootDir>/test/e2e/**/*.spec.ts'],
    },
  ],
};
