// Typed rules for the library; the plain JavaScript around it gets the recommended ones.
import tseslint from 'typescript-eslint';
import newFieldsFirst from './test/architecture/new-fields-first.cjs';

export default tseslint.config(
  { ignores: ['**/dist/**', 'node_modules/**', 'coverage/**'] },
  {
    files: ['lib/**/*.ts', 'sample/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A promise that nobody waits for is how an outcome gets lost.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { prefer: 'type-imports', fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      // Numbers read well in messages.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Nest modules are classes with nothing but a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // Ports answer with promises; an adapter in memory has nothing to await.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true, ignoreVoidReturningFunctions: true },
      ],
      // `resolve<OrderStore>(token)` reads better than a cast.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // Nest and TypeORM type their options as classes and take literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Control characters are what these expressions look for.
      'no-control-regex': 'off',
    },
  },
  {
    // What is made for every operation of every saga.
    files: ['lib/core/**/*.ts', 'lib/engine/**/*.ts', 'lib/adapters/{typeorm,rabbitmq,node}/**/*.ts'],
    // What users wrote may have more fields than its type says, and ours must stand.
    ignores: ['**/*.spec.ts', 'lib/core/{child-form,step-forms}.ts'],
    plugins: { shapes: { rules: { 'new-fields-first': newFieldsFirst } } },
    rules: { 'shapes/new-fields-first': 'error' },
  },
  {
    // What they return is the test runner's to wait for.
    files: ['sample/**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'describe', 'it', 'suite'] }] },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', 'test/**/*.ts', 'lib/testing/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
