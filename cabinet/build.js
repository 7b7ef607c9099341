/** Bundles src/ into the one file that is served: `node build.js` writes it, `node build.js --check` compares. */
import { readFile, writeFile } from 'node:fs/promises';
import { build, transform } from 'esbuild';

const FILE = 'extending-subscription.js';
const target = ['chrome123', 'firefox120', 'safari17.5'];
const banner = '/* <extending-subscription>: how to embed it is in docs/embedding.md. Made from cabinet/src by `make generate`; do not edit. */';

/** A style sheet is imported as its text, minified. */
const css = {
  name: 'css',
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'css', minify: true, charset: 'utf8', target });
      return { contents: code.trim(), loader: 'text' };
    });
  },
};

const { outputFiles: [made] } = await build({
  entryPoints: ['src/element.ts'], bundle: true, format: 'esm', minify: true, charset: 'utf8', target, write: false,
  banner: { js: banner }, plugins: [css],
});

if (!process.argv.includes('--check')) {
  await writeFile(FILE, made.contents);
} else if (made.text !== await readFile(FILE, 'utf8')) {
  console.error(`${FILE} is not what src/ builds: make generate`);
  process.exitCode = 1;
}
