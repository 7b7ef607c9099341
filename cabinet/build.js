/** Bundles src/ into the two files that are served: `node build.js` writes them, `node build.js --check` compares. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { build, transform } from 'esbuild';
import { minify } from 'terser';

const FIRST = 'extending-subscription.js', SECOND = 'extending-subscription-extras.js';
const target = ['chrome109', 'firefox115', 'safari16.4']; // docs/embedding.md names them, and package.json for the linter

/** A style sheet is imported as its text, minified. */
const css = {
  name: 'css',
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'css', minify: true, charset: 'utf8', target });
      return { contents: code.trim().replaceAll(': ', ':'), loader: 'text' };
    });
  },
};

async function made(entry, define) {
  const { outputFiles: [bundle] } = await build({
    entryPoints: [`src/${entry}.ts`], bundle: true, format: 'esm', minify: true, charset: 'utf8', target, write: false, define, plugins: [css],
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  });
  const { code } = await minify(bundle.text, {
    module: true, ecma: 2022, compress: { passes: 3, unsafe: true, unsafe_arrows: true, unsafe_methods: true, keep_fargs: false, pure_getters: true }, format: { preamble: '// Made of cabinet/src' },
  });
  return code;
}

const second = await made('extras/extras', {});
const version = createHash('sha256').update(second).digest('hex').slice(0, 8); // the two belong together, whatever a cache has kept
const first = await made('element', { EXTRAS: JSON.stringify(`./${SECOND}?${version}`) });

for (const [file, code] of [[FIRST, first], [SECOND, second]]) {
  if (!process.argv.includes('--check')) await writeFile(file, code);
  else if (code !== await readFile(file, 'utf8').catch(() => '')) {
    console.error(`${file} is not what src/ builds: make generate`);
    process.exitCode = 1;
  }
}
