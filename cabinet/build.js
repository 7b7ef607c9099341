/** Bundles src/ into the two files that are served: `node build.js` writes them, `node build.js --check` compares. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { build, transform } from 'esbuild';
import { minify } from 'terser';

const FIRST = 'extending-subscription.js', SECOND = 'extending-subscription-extras.js';
const target = ['chrome123', 'firefox120', 'safari17.5'];

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

const load = async (path) => import(`data:text/javascript,${encodeURIComponent((await transform(await readFile(path, 'utf8'), { loader: 'ts' })).code)}`);

const leaves = (model, tree) => (typeof model === 'string' ? [tree] : Object.keys(model).flatMap((key) => leaves(model[key], tree[key])));

/** Russian, in the order of the English texts, a byte a letter: that much lighter is the file even when gzipped. */
const russian = {
  name: 'russian',
  setup({ onLoad }) {
    onLoad({ filter: /\/ru\.ts$/ }, async ({ path }) => {
      const [{ en }, { ru }] = [await load(path.replace('ru.ts', 'en.ts')), await load(path)];
      const list = leaves(en, ru).join('#');
      if (leaves(en, ru).length !== leaves(ru, ru).length || /[@-~]/.test(list)) {
        throw new Error('ru.ts: not the keys of en.ts, or a Latin letter: that is where the Russian ones go');
      }
      const packed = list.replace(/[А-ю]/g, (letter) => String.fromCharCode(letter.charCodeAt() - 976));
      return {
        loader: 'js',
        contents: `import { en } from './en';
          const list = ${JSON.stringify(packed)}.split('#');
          const same = (model) => typeof model === 'string' ? list.shift().replace(/[@-~]/g, (letter) => String.fromCharCode(letter.charCodeAt() + 976))
            : Array.isArray(model) ? model.map(same) : Object.fromEntries(Object.entries(model).map(([key, value]) => [key, same(value)]));
          export const ru = same(en);`,
      };
    });
  },
};

async function made(entry, define) {
  const { outputFiles: [bundle] } = await build({
    entryPoints: [`src/${entry}.ts`], bundle: true, format: 'esm', minify: true, charset: 'utf8', target, write: false, define, plugins: [css, russian],
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  });
  const { code } = await minify(bundle.text, {
    module: true, ecma: 2022, compress: { passes: 3, unsafe: true, unsafe_arrows: true, unsafe_methods: true, keep_fargs: false, pure_getters: true }, format: { preamble: '// Made of cabinet/src' },
  });
  return code;
}

const second = await made('extras', {});
const version = createHash('sha256').update(second).digest('hex').slice(0, 8); // the two belong together, whatever a cache has kept
const first = await made('element', { EXTRAS: JSON.stringify(`./${SECOND}?${version}`) });

for (const [file, code] of [[FIRST, first], [SECOND, second]]) {
  if (!process.argv.includes('--check')) await writeFile(file, code);
  else if (code !== await readFile(file, 'utf8').catch(() => '')) {
    console.error(`${file} is not what src/ builds: make generate`);
    process.exitCode = 1;
  }
}
