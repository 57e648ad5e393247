import { expect, test } from 'vitest'
import {
  decodeBase64Text,
  formatDuration,
  parseAsNumber,
  parseCidr,
  parseCommunity,
  parseDuration,
  parseEndpoint,
} from '../index.js'

test.each([
  ['2m0s', 120_000, '2m0s'],
  ['90s', 90_000, '1m30s'],
  ['1h30m0s', 5_400_000, '1h30m0s'],
  ['1.5s', 1500, '1.5s'],
  ['300ms', 300, '300ms'],
  ['0s', 0, '0s'],
  ['0', 0, '0s'],
  ['-5s', -5000, '-5s'],
  ['1500us', 1.5, '1.5ms'],
])('duration %s is %d ms and prints as %s', (text, milliseconds, printed) => {
  expect(parseDuration(text)).toBe(milliseconds)
  expect(formatDuration(milliseconds)).toBe(printed)
})

test.each(['', '5', 's', '5 s', '5d', '1m-5s', 'PT5S'])("'%s' is no duration", (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

test.each([
  [64512, 64512],
  ['64512', 64512],
  ['1.10', 65546],
  ['65535.65535', 4294967295],
  [4294967295, 4294967295],
  [4294967296, undefined],
  ['65536.1', undefined],
  [-1, undefined],
  [1.5, undefined],
  ['', undefined],
  ['AS64512', undefined],
])('AS number %o is %o', (given, value) => {
  expect(parseAsNumber(given)).toBe(value)
})

test.each([
  ['10.0.0.11/24', '10.0.0.11', 24, '10.0.0.0/24'],
  ['10.0.0.11', '10.0.0.11', 32, '10.0.0.11/32'],
  ['FD00:A:0:0::11/64', 'fd00:a::11', 64, 'fd00:a::/64'],
  ['0.0.0.0/0', '0.0.0.0', 0, '0.0.0.0/0'],
  ['10.255.255.255/9', '10.255.255.255', 9, '10.128.0.0/9'],
])('%s is %s/%i in %s', (text, address, length, network) => {
  expect(parseCidr(text)).toMatchObject({ address, length, network })
})

test.each(['10.0.0.1/33', '10.0.0/8', '::1/129', '10.0.0.1/', '10.0.0.1/x', ''])("'%s' is no CIDR", (text) => {
  expect(parseCidr(text)).toBeUndefined()
})

test.each([
  ['192.0.2.1', '192.0.2.1', undefined],
  ['192.0.2.1:1790', '192.0.2.1', 1790],
  ['FD00::1', 'fd00::1', undefined],
  ['[fd00::1]:179', 'fd00::1', 179],
  ['fe80::1%eth0', 'fe80::1%eth0', undefined],
  ['[fe80::1%eth0]:1790', 'fe80::1%eth0', 1790],
])('peerIP %s is %s port %o', (text, address, port) => {
  const endpoint = parseEndpoint(text)
  expect(endpoint?.text).toBe(address)
  expect(endpoint?.port).toBe(port)
})

test.each(['192.0.2.1:0', '192.0.2.1:70000', 'fd00::1:x', '10.0.0.1%eth0', 'tor.example.net', ''])(
  "'%s' is no peer address",
  (text) => {
    expect(parseEndpoint(text)).toBeUndefined()
  },
)

test.each([
  ['64512:100', 'standard', '64512:100'],
  ['0064:1', 'standard', '64:1'],
  ['64512:300:100', 'large', '64512:300:100'],
])('community %s is %s %s', (text, kind, canonical) => {
  expect(parseCommunity(text)).toEqual({ kind, text: canonical })
})

test.each(['65536:1', '1', '1:2:3:4', 'a:b', ':1'])("'%s' is no community", (text) => {
  expect(parseCommunity(text)).toBeUndefined()
})

test.each([
  ['c2VjcmV0', 'secret'],
  ['w7xiZXI=', 'über'],
  ['', ''],
  ['c2Vj\ncmV0', 'secret'],
  ['c', undefined],
  ['****', undefined],
  ['/w==', undefined],
])('base64 %s is %s', (text, decoded) => {
  expect(decodeBase64Text(text)).toBe(decoded)
})
