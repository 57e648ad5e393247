/**
 * The kernel's interfaces, watched: one notification socket, and a dump at the start and whenever something was missed.
 */
import {
  decodeAddress,
  decodeLink,
  IFLA,
  type MessageWriter,
  RTEXT_FILTER_SKIP_STATS,
  RTM,
  RTNLGRP,
} from '@starling/netlink'
import { dump, type NotificationSocket, openNotificationSocket } from '@starling/netlink/socket'
import type { LinkState } from '../discovery/finder.js'
import type { LinkEvents, LinkSource } from '../discovery/link-source.js'
import { LinkTable } from './link-table.js'

const RETRY = 1_000
const IFINFOMSG = 16
const IFADDRMSG = 8
const AF_INET6 = 10

export class LinkWatch implements LinkSource {
  readonly #events: LinkEvents
  readonly #table = new LinkTable()
  #socket: NotificationSocket | undefined
  #reading = false
  #again = false
  #known = false
  #changed = false
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(events: LinkEvents) {
    this.#events = events
  }

  /** Was everything read at least once? Before that nobody knows what is missing. */
  get known(): boolean {
    return this.#known
  }

  find(name: string): LinkState | undefined {
    return this.#table.find(name)
  }

  start(): void {
    try {
      this.#socket = openNotificationSocket([RTNLGRP.LINK, RTNLGRP.IPV6_IFADDR], {
        message: (type, _port, bytes, from, to) => this.#take(type, bytes, from, to),
        turnEnd: () => this.#tell(),
        gap: () => this.#read(),
      })
    } catch (error) {
      this.#events.problem(`interfaces cannot be watched: ${words(error)}`)
      return
    }
    this.#read()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.#socket?.close()
  }

  #tell(): void {
    if (!this.#changed || this.#reading) return
    this.#changed = false
    this.#events.changed()
  }

  #take(type: number, bytes: Uint8Array, from: number, to: number): void {
    if (type === RTM.NEWLINK || type === RTM.DELLINK) {
      const message = decodeLink(bytes, from, to, false)
      if (message !== undefined) this.#table.link(message, type === RTM.DELLINK)
    } else if (type === RTM.NEWADDR || type === RTM.DELADDR) {
      const message = decodeAddress(bytes, from, to)
      if (message !== undefined) this.#table.address(message, type === RTM.DELADDR)
    } else return
    this.#changed = true
  }

  /** Whatever was missed is in the tables now; what is told meanwhile is applied on top, in its order. */
  #read(): void {
    if (this.#reading) {
      this.#again = true
      return
    }
    this.#reading = true
    this.#dump()
      .then(() => {
        this.#known = true
        this.#changed = true
      })
      .catch((error: unknown) => {
        this.#events.problem(`interfaces cannot be read: ${words(error)}`)
        if (!this.#closed) this.#retry = setTimeout(() => this.#read(), RETRY)
      })
      .finally(() => {
        this.#reading = false
        if (this.#closed) return
        if (this.#again) {
          this.#again = false
          this.#read()
        } else this.#tell()
      })
  }

  async #dump(): Promise<void> {
    this.#table.clear()
    const visit = (type: number, bytes: Uint8Array, from: number, to: number) => this.#take(type, bytes, from, to)
    await dump(RTM.GETLINK, linkRequest, visit)
    await dump(RTM.GETADDR, addressRequest, visit)
  }
}

function linkRequest(writer: MessageWriter): void {
  for (let i = 0; i < IFINFOMSG; i++) writer.u8(0)
  writer.attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS)
}

function addressRequest(writer: MessageWriter): void {
  writer.u8(AF_INET6)
  for (let i = 1; i < IFADDRMSG; i++) writer.u8(0)
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
