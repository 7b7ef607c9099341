import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import { configs } from 'typescript-eslint';

export default defineConfig(
  { ignores: ['extending-subscription*.js', 'src/api.d.ts'] },
  js.configs.recommended,
  {
    rules: {
      'eqeqeq': ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'prefer-template': 'error',
    },
  },
  { files: ['src/*.ts'], extends: [configs.recommendedTypeChecked], languageOptions: { parserOptions: { projectService: true } } },
  { files: ['demo.js', 'example.js'], languageOptions: { globals: globals.browser } },
  { files: ['build.js'], languageOptions: { globals: globals.node } },
);
