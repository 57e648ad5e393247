import { describe, expect, test } from 'vitest'
import { type FakeDaemon, fakeDaemon, peerView } from '../testing/index.js'
import { Metrics, type MetricsOptions } from './registry.js'

/** `name{a="b"}` to value. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

function start(daemon: FakeDaemon, more: Partial<MetricsOptions> = {}): Metrics {
  return new Metrics({ ports: daemon, policy: { kind: 'any' }, process: false, ...more })
}

describe('a scrape', () => {
  test('sessions by kind and state, zeros included', async () => {
    const values = await scrape(start(fakeDaemon()))
    expect(values.get('starling_sessions{kind="mesh",state="Established"}')).toBe(2)
    expect(values.get('starling_sessions{kind="mesh",state="Connect"}')).toBe(1)
    expect(values.get('starling_sessions{kind="mesh",state="Idle"}')).toBe(0)
    expect(values.get('starling_prefixes_received{kind="mesh",family="ipv4"}')).toBe(6)
    expect(values.get('starling_ready')).toBe(1)
    expect(values.get('starling_kernel_routes{state="installed"}')).toBe(2)
  })

  test('no gauge is called like a counter, of ours or of the process', async () => {
    const text = await start(fakeDaemon(), { process: true }).text()
    expect(text).toMatch(/^# TYPE nodejs_active_handles gauge$/m)
    expect(text.match(/^# TYPE \S+_total gauge$/gm)).toBeNull()
  })

  test('a mesh gets no series per peer, others do', async () => {
    const text = [...(await scrape(start(fakeDaemon()))).keys()].join('\n')
    expect(text).not.toContain('peer="Mesh_')
    expect(text).toContain('starling_peer_up{peer="Global_192_0_2_1",address="192.0.2.1",kind="global"}')
  })

  test.each([
    ['all', 4],
    ['none', 0],
    ['non-mesh', 1],
  ] as const)('perPeer %s', async (perPeer, expected) => {
    const keys = [...(await scrape(start(fakeDaemon(), { perPeer }))).keys()]
    expect(keys.filter((key) => key.startsWith('starling_peer_up{'))).toHaveLength(expected)
  })

  test('5,000 mesh peers cost no more series than five', async () => {
    const daemon = fakeDaemon()
    const few = (await scrape(start(daemon))).size
    daemon.peerList.push(
      ...Array.from({ length: 5000 }, (_, i) =>
        peerView(`Mesh_10_${i >> 8}_${i & 255}_1`, `10.${i >> 8}.${i & 255}.1`),
      ),
    )
    expect((await scrape(start(daemon))).size).toBe(few)
  })

  test('a reflector has no kernel series', async () => {
    const daemon = fakeDaemon()
    daemon.kernelState = undefined
    const keys = [...(await scrape(start(daemon))).keys()]
    expect(keys.filter((key) => key.startsWith('starling_kernel_'))).toEqual([])
  })

  test('a peer that is gone leaves no series behind', async () => {
    const daemon = fakeDaemon()
    const metrics = start(daemon)
    await scrape(metrics)
    daemon.peerList = daemon.peerList.filter((peer) => peer.kind !== 'global')
    expect([...(await scrape(metrics)).keys()].some((key) => key.includes('Global_'))).toBe(false)
  })

  test('totals over peers never fall: not when a peer goes, not when it comes back with fresh counters', async () => {
    const daemon = fakeDaemon()
    const metrics = start(daemon)
    const total = async () => (await scrape(metrics)).get('starling_session_flaps_total{kind="global"}')
    const set = (flaps: number) => {
      daemon.peerList = [peerView('Global_192_0_2_1', '192.0.2.1', { flaps })]
    }
    set(5)
    expect(await total()).toBe(5)
    daemon.peerList = []
    expect(await total()).toBe(5)
    set(1)
    expect(await total()).toBe(6)
    set(3)
    expect(await total()).toBe(8)
  })

  test('scrapes at the same moment share one picture', async () => {
    const daemon = fakeDaemon()
    let asked = 0
    const peers = daemon.peers
    daemon.peers = () => {
      asked++
      return peers()
    }
    const metrics = start(daemon)
    await Promise.all(Array.from({ length: 10 }, () => metrics.text()))
    expect(asked).toBe(1)
  })

  test('hostile text in a label stays one label', async () => {
    const daemon = fakeDaemon()
    daemon.peerList = [peerView('Global_192_0_2_1', '192.0.2.1', { description: 'a"} 1\nstarling_ready 0' })]
    const text = await start(daemon).text()
    expect(text.split('\n').filter((line) => line.startsWith('starling_ready'))).toEqual(['starling_ready 1'])
  })
})

describe('what events count', () => {
  test('notifications by name, bounded; resets by field; events by code', async () => {
    const daemon = fakeDaemon()
    const metrics = start(daemon)
    const base = { peer: '192.0.2.1', name: 'Global_192_0_2_1' }
    for (let i = 0; i < 300; i++) {
      const notification = { code: 6, subcode: i, name: `Cease/${i}`, data: new Uint8Array() }
      daemon.events.push(i, { type: 'notification-received', ...base, notification })
    }
    daemon.events.push(301, { type: 'session-reset', ...base, field: 'localAs', impact: 'reconnect' })
    metrics.observeKernelLatency(12)
    const values = await scrape(metrics)
    const names = [...values.keys()].filter((key) => key.startsWith('starling_notifications_total'))
    expect(names).toHaveLength(201)
    expect(values.get('starling_notifications_total{direction="received",error="other"}')).toBe(100)
    expect(values.get('starling_session_resets_total{field="localAs"}')).toBe(1)
    expect(values.get('starling_events_total{code="SESSION_RESET"}')).toBe(1)
    expect(values.get('starling_update_to_kernel_seconds_bucket{le="0.025"}')).toBe(1)
  })
})

describe('names of bird_exporter', () => {
  test('appear on request, per channel', async () => {
    const values = await scrape(start(fakeDaemon(), { compat: 'bird_exporter' }))
    const labels = 'name="Global_192_0_2_1",proto="BGP",ip_version="4",import_filter="ACCEPT",export_filter="ACCEPT"'
    expect(values.get(`bird_protocol_up{${labels},state="Established"}`)).toBe(1)
    expect(values.get(`bird_protocol_prefix_filter_count{${labels}}`)).toBe(1)
    expect(values.get('bird_socket_query_success')).toBe(1)
    expect([...(await scrape(start(fakeDaemon()))).keys()].some((key) => key.startsWith('bird_'))).toBe(false)
  })
})
