/**
 * A name server for tests: SRV and A records from a table, everything else does not exist (RFC 1035 section 4.1, RFC 2782).
 */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'

export interface SrvData {
  readonly priority: number
  readonly port: number
  readonly target: string
}

export interface Zone {
  readonly srv: Readonly<Record<string, readonly SrvData[]>>
  readonly a: Readonly<Record<string, string>>
}

const TYPE_A = 1
const TYPE_SRV = 33
const NAME_ERROR = 3
/** A pointer to the question's name, which stands right behind the header. */
const SAME_NAME = Buffer.from([0xc0, 12])

/** Answers on port 53 of a loopback address until it is closed. */
export async function serveNames(address: string, zone: Zone): Promise<() => void> {
  const socket = createSocket('udp4')
  socket.on('message', (query: Buffer, from: RemoteInfo) => socket.send(answer(query, zone), from.port, from.address))
  socket.bind(53, address)
  await once(socket, 'listening')
  return () => socket.close()
}

function answer(query: Buffer, zone: Zone): Buffer {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const name = labels.join('.').toLowerCase()
  const type = query.readUInt16BE(at + 1)
  const known = zone.srv[name] !== undefined || zone.a[name] !== undefined
  const records = type === TYPE_SRV ? (zone.srv[name] ?? []).map(srv) : type === TYPE_A ? hosts(zone.a[name]) : []
  const header = Buffer.alloc(12)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(0x8580 | (known ? 0 : NAME_ERROR), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  const answers = records.flatMap((data) => [SAME_NAME, fixed(type, data.length), data])
  return Buffer.concat([header, query.subarray(12, at + 5), ...answers])
}

/** Type, class IN, no caching, length. */
function fixed(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(10)
  bytes.writeUInt16BE(type, 0)
  bytes.writeUInt16BE(1, 2)
  bytes.writeUInt16BE(length, 8)
  return bytes
}

function srv({ priority, port, target }: SrvData): Buffer {
  const numbers = Buffer.alloc(6)
  numbers.writeUInt16BE(priority, 0)
  numbers.writeUInt16BE(port, 4)
  const labels = target.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')])
  return Buffer.concat([numbers, ...labels, Buffer.from([0])])
}

const hosts = (address: string | undefined): Buffer[] =>
  address === undefined ? [] : [Buffer.from(address.split('.').map(Number))]
