/**
 * `npm run bundle`: what ships. One folder per product in dist/bundle, each complete by itself: copy it anywhere, run
 * `node starling.js`. esbuild joins our sources with the pure JavaScript of npm; koffi stays a package of its own, because
 * it carries machine code, and lies in the folder's node_modules with the code of this platform.
 *
 *   node        everything that runs on a node        reflector   no kernel code at all: it cannot write a route
 *   cli         every command, the lab included       cli/ is also what `npm pack` makes a tarball of
 *
 * The looking glass lies in dist/web and the topologies in topology/, where the code looks for them. Chunks: a command
 * loads what it needs and nothing else, which is what makes the start fast. Plain Node; needs the development packages.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { buildPage, root } from './steps.mjs'

/** Modules of commands that a product does not have: the functions they export, and the command that each adds. */
const NODE = { node: { register: 'node' } }
const REFLECTOR = { reflector: { register: 'reflector' } }
const LAB = { lab: { register: 'lab' } }
const HOST = {
  host: { registerProgrammer: 'programmer', registerCleanup: 'cleanup' },
  'register-node': { register: 'register' },
  plan: { register: 'plan' },
}
export const PRODUCTS = { node: { ...LAB, ...REFLECTOR }, reflector: { ...LAB, ...NODE, ...HOST }, cli: {} }

export const bundles = join(root, 'dist', 'bundle')

/** Our threads. The code that starts one looks for it beside itself, by this name; `shipsItsThreads` checks the list. */
const WORKERS = {
  worker: 'packages/speaker/src/bfd/worker.ts',
  'netlink-worker': 'packages/route-programmer/src/netlink/netlink-worker.ts',
}
const workersOf = (product) => Object.entries(WORKERS).filter(([name]) => product !== 'reflector' || name === 'worker')

/** pino's threads (pretty log lines on a terminal) are files of their own; this is how it is told where they are. */
const THREADS = { 'thread-stream-worker': 'thread-stream/lib/worker.js', 'pino-pretty': 'pino-pretty/index.js' }

/** CommonJS inside a module asks for these three. */
const BANNER = `import { createRequire as starlingRequire } from 'node:module'
import { dirname as starlingDirname } from 'node:path'
import { fileURLToPath as starlingPath } from 'node:url'
const require = starlingRequire(import.meta.url), __filename = starlingPath(import.meta.url), __dirname = starlingDirname(__filename)`

const ENTRY = `import { main } from './packages/cli/src/main.ts'
globalThis.__bundlerPathsOverrides = Object.fromEntries(
  ${JSON.stringify(Object.keys(THREADS))}.map((name) => [name, __dirname + '/threads/' + name + '.cjs']),
)
process.exitCode = await main(process.argv.slice(2))`

/** What stands in for commands that this product lacks: they say so. */
const absent = (product, exports) => `import { CliError } from '../exit.js'
const lack = (name) => (program) =>
  void program.command(name).allowUnknownOption().helpOption(false).argument('[words...]').action(() => {
    throw new CliError('the ${product} bundle has no "' + name + '": use the full starling command')
  })
${Object.entries(exports)
  .map(([name, command]) => `export const ${name} = lack('${command}')`)
  .join('\n')}`

const plugin = (product) => ({
  name: `starling-${product}`,
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^starling-entry$/ }, ({ path }) => ({ path, namespace: 'entry' }))
    onLoad({ filter: /.*/, namespace: 'entry' }, () => ({ contents: ENTRY, resolveDir: root, loader: 'js' }))
    onLoad({ filter: /packages\/cli\/src\/commands\/[\w-]+\.ts$/ }, ({ path }) => {
      const exports = PRODUCTS[product][basename(path, '.ts')]
      return exports === undefined ? undefined : { contents: absent(product, exports), loader: 'js' }
    })
    // In the sources the topologies are three folders up; in a bundle they are beside lib/.
    onLoad({ filter: /packages\/lab\/src\/command\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const moved = text.replace("'../../../topology/'", "'../topology/'")
      if (moved === text) throw new Error(`${path} no longer looks for ../../../topology/`)
      return { contents: moved, loader: 'ts' }
    })
  },
})

const shared = (product) => ({
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  conditions: ['@starling/source'],
  external: ['koffi'],
  metafile: true,
  // Names stay: a stack trace in somebody's log has to say something.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [plugin(product)],
})

/** Makes one product's folder; resolves to what went into it: npm packages, and the paths of all sources. */
export async function bundle(product, folder = join(bundles, product)) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const main = await build({
    ...shared(product),
    entryPoints: [
      { in: 'starling-entry', out: 'starling' },
      ...workersOf(product).map(([name, file]) => ({ in: join(root, file), out: `lib/${name}` })),
    ],
    outdir: folder,
    format: 'esm',
    splitting: true,
    chunkNames: 'lib/[name]-[hash]',
    banner: { js: BANNER },
  })
  const threads = await build({
    ...shared(product),
    entryPoints: Object.entries(THREADS).map(([out, file]) => ({ in: join(root, 'node_modules', file), out })),
    outdir: join(folder, 'threads'),
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
  })
  const program = join(folder, 'starling.js')
  writeFileSync(program, `#!/usr/bin/env node\n${readFileSync(program, 'utf8')}`)
  chmodSync(program, 0o755)
  const inputs = [main, threads].flatMap(({ metafile }) => Object.keys(metafile.inputs))
  shipsItsThreads(inputs, folder)
  const packages = packagesOf(inputs)
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(product), undefined, 2)}\n`)
  writeFileSync(join(folder, 'THIRD-PARTY.txt'), notices(packages))
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  cpSync(join(root, 'packages/looking-glass/dist/web'), join(folder, 'dist/web'), { recursive: true })
  if (product === 'cli') {
    cpSync(join(root, 'topology'), join(folder, 'topology'), { recursive: true })
    cpSync(join(root, 'packages/cli/README.md'), join(folder, 'README.md'))
  }
  copyKoffi(folder)
  return { folder, packages, inputs }
}

/** A worker's file that is named somewhere and is not in the bundle would only be missed on somebody's node. */
function shipsItsThreads(inputs, folder) {
  for (const input of inputs.filter((path) => path.startsWith('packages/'))) {
    const text = readFileSync(join(root, input), 'utf8')
    if (!text.includes("from 'node:worker_threads'")) continue
    for (const [, name] of text.matchAll(/'\.\/([\w-]+\.js)'(?=, import\.meta\.url)/g)) {
      if (!existsSync(join(folder, 'lib', name))) throw new Error(`${input} starts ${name}, which is not in the bundle`)
    }
  }
}

const manifestOf = (folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))

/** Our own packages are released together and are no third party. */
function packagesOf(inputs) {
  const folders = inputs.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [])
  return [...new Set([...folders, 'node_modules/koffi'])].sort().map((folder) => {
    const { name, version, license } = manifestOf(folder)
    const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e/i.test(each))
    const text = file === undefined ? undefined : readFileSync(join(root, folder, file), 'utf8').trim()
    return { name, version, license, text }
  })
}

const notices = (packages) =>
  packages
    .map(
      ({ name, version, license, text }) =>
        `${name} ${version} (${license})\n${text === undefined ? '' : `\n${text}\n`}`,
    )
    .join(`\n${'-'.repeat(80)}\n\n`)

/** What `npm pack` of the folder publishes. koffi is the only package that cannot be inside. */
function manifest(product) {
  const { version, license, engines, description } = manifestOf('packages/cli')
  const { dependencies } = manifestOf('packages/sys')
  return {
    name: product === 'cli' ? '@starling/cli' : `@starling/${product}-bundle`,
    version,
    description,
    license,
    type: 'module',
    engines,
    bin: { starling: 'starling.js' },
    files: ['starling.js', 'lib', 'threads', 'dist', 'topology', 'THIRD-PARTY.txt'],
    dependencies,
  }
}

/** koffi without its C++ sources and manuals, and its machine code for this platform. */
function copyKoffi(folder) {
  const scope = join(root, 'node_modules', '@koromix')
  const platforms = existsSync(scope) ? readdirSync(scope).map((name) => `@koromix/${name}`) : []
  for (const name of ['koffi', ...platforms]) {
    const from = join(root, 'node_modules', name)
    const superfluous = /^\/(doc|vendor|lib)(\/|$)|\.(md|cc|hh|h|c|S|asm|inc|def|d\.ts)$|CMakeLists\.txt$/
    cpSync(from, join(folder, 'node_modules', name), {
      recursive: true,
      filter: (path) => !superfluous.test(path.slice(from.length)),
    })
  }
}

const bytesOf = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2)
  if (wanted.some((name) => !(name in PRODUCTS))) {
    console.error(`usage: npm run bundle -- [${Object.keys(PRODUCTS).join(' | ')}]...`)
    process.exit(2)
  }
  await buildPage()
  for (const product of wanted.length > 0 ? wanted : Object.keys(PRODUCTS)) {
    const { folder, packages } = await bundle(product)
    console.log(
      `  ${relative(root, folder)}: ${(bytesOf(folder) / 1e6).toFixed(1)} MB, ${packages.length} npm packages`,
    )
  }
}
