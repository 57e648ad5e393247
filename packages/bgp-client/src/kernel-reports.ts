/**
 * News from the reconciler as events: conflicts, refusals, repairs, full reads. Bounded: a program that flushes a table
 * of ten thousand routes makes twenty events and one that counts the rest, not ten thousand; the metrics count all.
 */
import type { HostEvent } from '@starling/api'
import { formatAddress } from '@starling/bgp-packet/address'
import type { Destination, ProgrammerListener } from '@starling/route-programmer'

const WINDOW_MS = 1000
const WINDOW_EVENTS = 20

export interface KernelReportsOptions {
  readonly now: () => number
  event(event: HostEvent): void
}

type News = 'conflict' | 'failed' | 'repaired' | 'driverFailed'

export class KernelReports implements Required<Pick<ProgrammerListener, News>> {
  readonly #options: KernelReportsOptions
  #windowEnd = 0
  #inWindow = 0
  #withheld = 0
  #gaps = 0

  constructor(options: KernelReportsOptions) {
    this.#options = options
  }

  conflict: Required<ProgrammerListener>['conflict'] = ({ destination, text }) => {
    this.#tell({ type: 'kernel-conflict', prefix: prefixText(destination), text })
  }

  failed: Required<ProgrammerListener>['failed'] = (destination, text, { errno, name = `errno ${errno}` }) => {
    const words = text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text
    this.#tell({ type: 'kernel-error', prefix: prefixText(destination), errno, name, text: words })
  }

  repaired: Required<ProgrammerListener>['repaired'] = (destination, removed) => {
    const detail = removed ? 'removed by another program; written again' : 'changed by another program; put back'
    this.#tell({ type: 'kernel-repair', prefix: prefixText(destination), detail })
  }

  driverFailed = (reason: string): void => this.#options.event({ type: 'kernel-resync', reason })

  /** Called when a round of work is over, with the reconciler's count of gaps. */
  rested(gaps: number): void {
    if (this.#withheld > 0 && this.#options.now() >= this.#windowEnd) this.#flush()
    if (gaps > this.#gaps) this.#options.event({ type: 'kernel-resync', reason: 'kernel events were lost' })
    this.#gaps = gaps
  }

  #tell(event: HostEvent): void {
    const now = this.#options.now()
    if (now >= this.#windowEnd) {
      this.#flush()
      this.#windowEnd = now + WINDOW_MS
      this.#inWindow = 0
    }
    if (++this.#inWindow <= WINDOW_EVENTS) this.#options.event(event)
    else this.#withheld++
  }

  #flush(): void {
    if (this.#withheld === 0) return
    const detail = `${this.#withheld} more of such news within a second; starling show kernel has the whole state`
    this.#withheld = 0
    this.#options.event({ type: 'kernel-repair', prefix: 'others', detail })
  }
}

const prefixText = ({ address, length }: Destination): string => `${formatAddress(address)}/${length}`
