/**
 * What `starling plan` would complain of, for `starling check`: rules that show only when everything is put together for a
 * node, such as two nodes with one address, a peer without an AS, routes that neither Felix nor BGP programs.
 *
 * Secrets count as there: they are seldom among the documents, and whether they are mounted shows on the node.
 */
import { ClusterState, plan } from '@starling/intent'
import { type CheckedDocument, type CheckProblem, describeKey, flattenDocument, mapDocument } from '@starling/resources'

/** Plans made of a large cluster: a mistake of one node alone is likely to be found, one of many is found for sure. */
const PLANS = 40

class EverySecret extends Map<string, string> {
  override get(): string {
    return 'there'
  }
}

/** Beyond what `known` says already. */
export function problemsOfPlans(
  documents: readonly CheckedDocument[],
  known: readonly CheckProblem[],
): readonly CheckProblem[] {
  const sources = new Map<string, { readonly source: string; readonly key: string }>()
  const good: unknown[] = []
  for (const { source, document } of documents)
    for (const single of flattenDocument(document)) {
      const mapped = mapDocument(single)
      if (!mapped.ok) continue
      good.push(single)
      sources.set(describeKey(mapped.key), { source, key: mapped.key })
    }
  const state = ClusterState.fromDocuments(good)
  const said = new Set(known.map(({ resource, field }) => `${resource} ${field}`))
  const problems: CheckProblem[] = []
  for (const node of someOf(state.nodes.all.map(({ name }) => name))) {
    // The state's own problems come first; the check has judged each document by itself.
    const made = plan(state, node, { secrets: new EverySecret() }).problems.slice(state.problems.length)
    for (const problem of made) {
      const at = sources.get(problem.resource)
      const what = `${problem.resource} ${problem.field}`
      if (at === undefined || said.has(what)) continue
      said.add(what)
      problems.push({ ...problem, ...at })
    }
  }
  return problems
}

/** Without any node the plan of nobody still tells what is wrong with the configuration. */
function someOf(names: readonly string[]): readonly string[] {
  if (names.length === 0) return ['']
  const step = Math.max(1, names.length / PLANS)
  return Array.from({ length: Math.min(names.length, PLANS) }, (_, i) => names[Math.floor(i * step)] as string)
}
