/**
 * TCP-AO keys octet by octet, against the layout in linux/tcp.h (`struct tcp_ao_add`), because few kernels can be asked:
 *
 *   0 addr (sockaddr_storage, 128)   128 alg_name (64)   192 ifindex (s32)   196 set_current:1 set_rnext:1 reserved:30
 *   200 reserved2 (u16)   202 prefix   203 sndid   204 rcvid   205 maclen   206 keyflags   207 keylen   208 key (80)
 */
import { describe, expect, it } from 'vitest'
import { AF, close, hasNative, SOCK, socket, supports } from './index.js'
import { setAoKey, tcpAoAdd } from './tcp-options.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
/** Octets that are not zero, by where they begin. */
const runs = (bytes: Uint8Array): Record<number, string> =>
  Object.fromEntries([...hex(bytes).matchAll(/(?:..)*?((?!00)..(?:(?!00)..)*)/g)].map((run) => [at(run), run[1]]))
const at = (run: RegExpMatchArray): number => ((run.index ?? 0) + run[0].length - (run[1] ?? '').length) / 2

const SHA1 = Buffer.from('hmac(sha1)').toString('hex')
const CMAC = Buffer.from('cmac(aes128)').toString('hex')

describe('struct tcp_ao_add', () => {
  it('has 288 octets and every field in its place, IPv4', () => {
    const bytes = tcpAoAdd('192.5.2.1', { key: 'abc', sendId: 100, receiveId: 101 })
    expect(bytes.length).toBe(288)
    // AF_INET is 2 in the machine's order; sin_port 0; prefix 32, ids, no maclen and flags, three octets of key.
    expect(runs(bytes)).toEqual({ 0: '02', 4: 'c0050201', 128: SHA1, 202: '206465', 207: '03616263' })
  })

  it('has the address of IPv6 behind port and flow, a prefix of 128, and the algorithm that was asked for', () => {
    const option = { key: Uint8Array.of(255, 1), sendId: 1, receiveId: 2, algorithm: 'cmac(aes128)' } as const
    const bytes = tcpAoAdd('2001:db8::7', option)
    expect(runs(bytes)).toEqual({ 0: '0a', 8: '20010db8', 23: '07', 128: CMAC, 202: '800102', 207: '02ff01' })
  })

  it('takes a prefix with its length', () => {
    const bytes = tcpAoAdd('10.7.0.0/16', { key: 'k', sendId: 1, receiveId: 1 })
    expect(runs(bytes)).toEqual({ 0: '02', 4: '0a07', 128: SHA1, 202: '100101', 207: '016b' })
  })

  it('refuses keys that do not fit', () => {
    const key = (length: number) => ({ key: new Uint8Array(length).fill(1), sendId: 1, receiveId: 1 })
    expect(tcpAoAdd('192.0.2.1', key(80)).subarray(206)).toEqual(Uint8Array.of(0, 80, ...new Uint8Array(80).fill(1)))
    expect(() => tcpAoAdd('192.0.2.1', key(81))).toThrow('the key has 81 bytes, the kernel takes 80')
    expect(() => tcpAoAdd('192.0.2.1', key(0))).toThrow('the key is empty')
  })
})

describe.runIf(hasNative())('the kernel', () => {
  it('takes a key where the probe says it knows TCP-AO, and elsewhere the error says what lacks', () => {
    const fd = socket(AF.INET, SOCK.STREAM | SOCK.CLOEXEC, 0)
    const set = () => setAoKey(fd, '192.0.2.1', { key: 'secret', sendId: 1, receiveId: 1 })
    if (supports('tcp-ao')) expect(set).not.toThrow()
    else expect(set).toThrow(/TCP-AO.*this kernel is built without it/)
    close(fd)
  })
})
