/**
 * `npm run audit`: known vulnerabilities of what ships (with `-- --all`, of the development packages too), by the word of
 * the npm registry. Exit 0: it answered, and knows of none. Exit 1: it knows some; they are listed. Exit 3: it did not answer
 * the question (some mirrors refuse it), so nothing is known, which is not the same as nothing found.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { root } from './steps.mjs'

/** From what `npm audit --json` printed, to words and an exit code. */
export function verdict(output) {
  let answer
  try {
    answer = JSON.parse(output)
  } catch {
    return {
      code: 3,
      lines: [`npm audit gave no answer that can be read: ${output.trim().slice(0, 200) || 'nothing'}`],
    }
  }
  const { vulnerabilities, metadata } = answer
  if (vulnerabilities === undefined) {
    const why = answer.message ?? answer.error?.summary ?? 'no reason given'
    return {
      code: 3,
      lines: [
        `The registry does not answer the question: ${why}`,
        'Nothing is known about vulnerabilities. Ask one that answers: npm run audit -- --registry=URL',
      ],
    }
  }
  const found = Object.values(vulnerabilities).map(({ name, severity, range, via }) => {
    const titles = via.map((each) => (typeof each === 'string' ? `through ${each}` : each.title))
    return `${severity}: ${name} ${range}: ${titles.join('; ')}`
  })
  if (found.length > 0) return { code: 1, lines: found }
  const asked = metadata?.dependencies?.total
  return { code: 0, lines: [`No known vulnerability in ${asked ?? 'the'} packages.`] }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const own = process.argv.slice(2)
  const passed = own.filter((word) => word !== '--all')
  const args = ['audit', '--json', '--loglevel=silent', ...(own.includes('--all') ? [] : ['--omit=dev']), ...passed]
  const { stdout } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  const { code, lines } = verdict(stdout ?? '')
  for (const line of lines) console.log(line)
  process.exitCode = code
}
