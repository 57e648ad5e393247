/**
 * Felix's endpoint status files (calico.md 2.13): one JSON text per workload that speaks BGP, to what a plan is made from.
 *
 * Felix does not write them in one step, so a file that is no JSON may be half a file: the last good one of that name stays,
 * and with it the session. What is wrong stands among the problems of the plan.
 */
import type { PlanOptions, PlanProblem, WorkloadFile } from '@starling/intent'
import { parseCidr } from '@starling/resources'

export interface Workloads {
  /** By file name. */
  readonly files: ReadonlyMap<string, WorkloadFile>
  readonly problems: readonly PlanProblem[]
}

export const NO_WORKLOADS: Workloads = { files: new Map(), problems: [] }

export function workloadOptions(workloads: Workloads | undefined): Pick<PlanOptions, 'workloads' | 'problems'> {
  return workloads === undefined ? {} : { workloads: [...workloads.files.values()], problems: workloads.problems }
}

/** A text is undefined where the file cannot be read, or is larger than any of Felix's. */
export function workloadsOf(texts: ReadonlyMap<string, string | undefined>, before: Workloads): Workloads {
  const files = new Map<string, WorkloadFile>()
  const problems: PlanProblem[] = []
  for (const [name, text] of texts) {
    const found = workloadFile(text)
    if (!('fault' in found)) {
      files.set(name, found)
      continue
    }
    const last = before.files.get(name)
    if (last !== undefined) files.set(name, last)
    const { field, fault } = found
    problems.push({
      severity: 'error',
      resource: `endpoint-status/${name}`,
      ...(field === undefined ? {} : { field }),
      message: `${fault}${last === undefined ? ': no session with this workload' : '; the last good content stays'}`,
    })
  }
  return { files, problems }
}

interface Fault {
  readonly field?: string
  readonly fault: string
}

function workloadFile(text: string | undefined): WorkloadFile | Fault {
  if (text === undefined) return { fault: 'cannot be read, or is too large' }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return { fault: `is not JSON (${error instanceof Error ? error.message : String(error)})` }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { fault: 'is not a JSON object' }
  const { ifaceName, ipv4Nets, ipv6Nets, bgpPeerName } = parsed as Record<string, unknown>
  if (typeof ifaceName !== 'string' || ifaceName === '')
    return { field: 'ifaceName', fault: 'is not the name of an interface' }
  if (bgpPeerName !== undefined && bgpPeerName !== null && typeof bgpPeerName !== 'string')
    return { field: 'bgpPeerName', fault: 'is not the name of a BGPPeer' }
  const fault = networksFault('ipv4Nets', ipv4Nets) ?? networksFault('ipv6Nets', ipv6Nets)
  if (fault !== undefined) return fault
  return {
    ifaceName,
    ipv4Nets: (ipv4Nets ?? []) as readonly string[],
    ipv6Nets: (ipv6Nets ?? []) as readonly string[],
    ...(typeof bgpPeerName === 'string' && bgpPeerName !== '' ? { bgpPeerName } : {}),
  }
}

function networksFault(field: 'ipv4Nets' | 'ipv6Nets', value: unknown): Fault | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) return { field, fault: 'is not a list' }
  const family = field === 'ipv4Nets' ? 'ipv4' : 'ipv6'
  const wrong = value.findIndex((item) => typeof item !== 'string' || parseCidr(item)?.family !== family)
  if (wrong < 0) return undefined
  return {
    field: `${field}[${wrong}]`,
    fault: `is ${JSON.stringify(value[wrong])}, no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`,
  }
}
