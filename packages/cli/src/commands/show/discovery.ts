/**
 * What is known of the router behind an interface, for the details of an unnumbered peer.
 */
import type { DiscoveryView } from '@starling/engine'
import { age } from '../../output/text.js'

/** Who was found, or why nobody is the peer; then everybody heard on the link. */
export function discoveryLine(view: DiscoveryView | undefined): string | undefined {
  if (view === undefined) return undefined
  const heard = view.routers.map(({ address, age: since }) => `${address} heard ${age(since / 1000)} ago`).join(', ')
  const found = view.neighbor ?? view.reason
  return heard === '' ? found : `${found} (${heard})`
}

export function discoveryTraffic(view: DiscoveryView | undefined): string | undefined {
  if (view === undefined) return undefined
  const { advertisementsSent, advertisementsReceived, solicitationsSent, solicitationsReceived, discarded } = view
  const counts = `advertisements ${advertisementsReceived} in, ${advertisementsSent} out, solicitations ${solicitationsReceived} in, ${solicitationsSent} out`
  return discarded === 0 ? counts : `${counts}, ${discarded} discarded, the last: ${view.lastDiscard}`
}
