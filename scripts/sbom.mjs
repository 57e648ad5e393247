/**
 * `npm run sbom [-- --check]`: what ships, as an SPDX bill of materials on standard output (npm's own, from the lock file,
 * without the development packages); with --check the list of licences instead, and exit code 1 when one is not on the
 * list of those we may ship. Works without a network. Nothing of it is committed: it is true for one lock file only.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { root } from './steps.mjs'

/** Permissive licences: they ask for their text to be kept (THIRD-PARTY.txt of a bundle) and for nothing else. */
export const ALLOWED = new Set(['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD', 'BlueOak-1.0.0'])

/** npm's document as text. */
export function billOfMaterials(format = 'spdx') {
  const args = ['sbom', '--package-lock-only', '--omit=dev', `--sbom-format=${format}`, '--loglevel=error']
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stderr.trim() || `exit code ${status}`}`)
  return stdout
}

/** Name, version and licence of every package that is not ours. */
export function licences(spdx) {
  return JSON.parse(spdx)
    .packages.filter(({ name }) => name !== 'starling' && !name.startsWith('@starling/'))
    .map(({ name, versionInfo, licenseDeclared }) => ({ name, version: versionInfo, licence: licenseDeclared ?? '' }))
}

/** `(MIT OR CC0-1.0)` is fine when one of them is, `MIT AND Zlib` when all are. */
export const allowed = (expression) =>
  expression
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((each) => ALLOWED.has(each.trim())))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const document = billOfMaterials()
  if (!process.argv.includes('--check')) process.stdout.write(document)
  else {
    const all = licences(document)
    for (const { name, version, licence } of all) console.log(`${name} ${version} ${licence}`)
    const wrong = all.filter(({ licence }) => !allowed(licence))
    for (const { name, licence } of wrong)
      console.error(`${name}: ${licence || 'no licence stated'} is not on the list`)
    process.exitCode = wrong.length === 0 ? 0 : 1
  }
}
