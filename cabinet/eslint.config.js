import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import compat from 'eslint-plugin-compat';
import globals from 'globals';
import { configs } from 'typescript-eslint';

/** Each file may import what stands before it, so there is no circle; the second file's parts take the first's from there too. */
const FIRST = ['answers', 'when', 'en', 'ru', 'texts', 'zones', 'speech', 'client', 'dom', 'scene', 'parts', 'limits', 'page', 'sheet', 'clipboard', 'door', 'element'];
const SECOND = ['texts', 'window', 'line', 'history', 'summary', 'extras'];

const only = (file, allowed) => ({
  files: [`src/${file}.ts`],
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [{ regex: `^\\.(?!(${allowed.join('|')})$)`, message: 'FIRST and SECOND in eslint.config.js say what may import what.' }] }] },
});
const part = (name) => `/${name}`;
const order = [
  only('**/*', []),
  ...FIRST.map((file, i) => only(file, [...FIRST.slice(0, i), 'api', 'style.css'].map(part))),
  ...SECOND.map((file, i) => only(`extras/${file}`, [...SECOND.slice(0, i), 'style.css'].map(part).concat(FIRST.slice(0, -1).map((name) => `\\./${name}`)))),
];

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
  { files: ['src/**/*.ts'], extends: [configs.recommendedTypeChecked, compat.configs['flat/recommended']], settings: { lintAllEsApis: true }, languageOptions: { parserOptions: { projectService: true } } },
  ...order,
  { files: ['demo.js', 'example.js'], languageOptions: { globals: globals.browser } },
  { files: ['build.js', 'eslint.config.js'], languageOptions: { globals: globals.node } },
);
