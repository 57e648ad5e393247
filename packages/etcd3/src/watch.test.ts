/**
 * The watch against a scripted etcd: a gRPC server in this process that says exactly what a test wants, at the moment it
 * wants, above all what a real one says only in bad luck. The same against real members is in `test/interop`.
 */
import { Server, ServerCredentials, type ServerDuplexStream, type sendUnaryData, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { EtcdClient, type WatchEnd, type WatchEvent } from './index.js'
import { type Method, methods, type WatchCreateRequest, type WatchResponse } from './messages.js'
import { decode, encode, type Message } from './wire.js'

type Answer = Partial<Omit<WatchResponse, 'header' | 'events'>> & {
  revision?: number
  cluster?: string
  mods?: number[]
}

/** One watch stream as the script sees it. */
class ScriptedStream {
  readonly create: WatchCreateRequest
  readonly #call: ServerDuplexStream<unknown, Message>

  constructor(create: WatchCreateRequest, call: ServerDuplexStream<unknown, Message>) {
    this.create = create
    this.#call = call
  }

  say({ revision = 100, cluster = '7', mods = [], ...rest }: Answer): void {
    const events = mods.map((mod) => ({ type: 0, kv: { key: `/k${mod}`, modRevision: mod, value: '' } }))
    this.#call.write({ header: { clusterId: cluster, revision }, ...rest, events })
  }

  fail(code: number, details: string): void {
    this.#call.emit('error', { code, details })
  }
}

class ScriptedEtcd {
  readonly streams: ScriptedStream[] = []
  revision = 100
  reads = 0
  readonly #server = new Server()
  readonly #waiting: ((stream: ScriptedStream) => void)[] = []
  #port = 0

  async start(): Promise<void> {
    this.#server.addService(
      {
        watch: definition(methods.watch, true),
        range: definition(methods.range, false),
      },
      {
        watch: (call: ServerDuplexStream<{ createRequest: WatchCreateRequest }, Message>) => {
          call.on('data', ({ createRequest }) => {
            const stream = new ScriptedStream(createRequest, call)
            this.streams.push(stream)
            this.#waiting.shift()?.(stream)
          })
          call.on('error', () => {})
          call.on('end', () => call.end())
        },
        range: (_: unknown, answer: sendUnaryData<Message>) => {
          this.reads++
          answer(null, { header: { clusterId: '7', revision: this.revision } })
        },
      },
    )
    this.#port = await new Promise((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error) reject(error)
        else resolve(port)
      })
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The next watch request that arrives. */
  next(): Promise<ScriptedStream> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  stop(): void {
    this.#server.forceShutdown()
  }
}

function definition(method: Method<never, unknown>, stream: boolean) {
  const { request, response } = method.tables
  return {
    path: method.path,
    requestStream: stream,
    responseStream: stream,
    requestSerialize: (value: Message) => encode(request, value),
    requestDeserialize: (bytes: Buffer) => decode(request, bytes),
    responseSerialize: (value: Message) => encode(response, value),
    responseDeserialize: (bytes: Buffer) => decode(response, bytes),
  }
}

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

async function setup(from: number, attemptMs = 2_000) {
  const etcd = new ScriptedEtcd()
  await etcd.start()
  const client = await EtcdClient.open({ endpoints: [etcd.url], attemptMs, maxBackoffMs: 20 })
  cleanups.push(
    () => etcd.stop(),
    () => client.close(),
  )
  const seen: number[] = []
  const links: string[] = []
  const ends: WatchEnd[] = []
  const first = etcd.next()
  const watcher = client.watchPrefix('/', from, {
    events: (events: readonly WatchEvent[]) => void seen.push(...events.map(({ kv }) => kv.modRevision)),
    progress: (revision) => void seen.push(-revision),
    link: (up, detail) => void links.push(up ? 'up' : detail),
    end: (end) => void ends.push(end),
  })
  return { etcd, client, watcher, seen, links, ends, stream: await first }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe('a watch', () => {
  it('asks for fragments and progress, from the revision given', async () => {
    const { stream } = await setup(5)
    expect(stream.create).toMatchObject({ key: '/', startRevision: 5, progressNotify: true, fragment: true })
  })

  it('that is cut between "created" and the replay asks again for the same revision', async () => {
    const { etcd, stream, seen } = await setup(5)
    stream.say({ created: true, revision: 100 })
    const next = etcd.next()
    stream.fail(status.UNAVAILABLE, 'cut')
    const second = await next
    expect(second.create.startRevision).toBe(5)
    second.say({ created: true, revision: 100 })
    second.say({ mods: [5, 6] })
    await until(() => seen.length === 2)
    expect(seen).toEqual([5, 6])
  })

  it('goes on after the last event it delivered, not after the store’s revision in the header', async () => {
    const { etcd, stream, seen } = await setup(5)
    stream.say({ created: true })
    stream.say({ mods: [5, 6], revision: 100 })
    await until(() => seen.length === 2)
    const next = etcd.next()
    stream.fail(status.UNAVAILABLE, 'cut')
    expect((await next).create.startRevision).toBe(7)
  })

  it('goes on after a progress notification', async () => {
    const { etcd, stream, seen } = await setup(5)
    stream.say({ created: true })
    stream.say({ revision: 50 })
    await until(() => seen.length === 1)
    expect(seen).toEqual([-50])
    const next = etcd.next()
    stream.fail(status.UNAVAILABLE, 'cut')
    expect((await next).create.startRevision).toBe(51)
  })

  it('delivers fragments together, and forgets those of a stream that broke', async () => {
    const { etcd, stream, seen } = await setup(5)
    stream.say({ created: true })
    stream.say({ mods: [5, 6], fragment: true })
    const next = etcd.next()
    stream.fail(status.UNAVAILABLE, 'cut')
    const second = await next
    expect(second.create.startRevision).toBe(5)
    second.say({ created: true })
    second.say({ mods: [5], fragment: true })
    second.say({ mods: [6], fragment: true })
    second.say({ mods: [7] })
    await until(() => seen.length === 3)
    expect(seen).toEqual([5, 6, 7])
  })

  it('delivers nothing twice when a server repeats itself', async () => {
    const { stream, seen } = await setup(5)
    stream.say({ created: true })
    stream.say({ mods: [5, 6] })
    stream.say({ mods: [5, 6, 7] })
    await until(() => seen.length === 3)
    expect(seen).toEqual([5, 6, 7])
  })

  const doubts: [string, number, Answer, WatchEnd][] = [
    [
      'the revision is compacted',
      5,
      { created: true, canceled: true, compactRevision: 9 },
      { kind: 'compacted', revision: 9 },
    ],
    ['it is compacted later', 5, { canceled: true, compactRevision: 9 }, { kind: 'compacted', revision: 9 }],
  ]
  it.each(doubts)('ends when %s', async (_, from, answer, end) => {
    const { stream, ends } = await setup(from)
    stream.say(answer)
    await until(() => ends.length > 0)
    expect(ends).toEqual([end])
  })

  it('ends when another cluster answers', async () => {
    const { etcd, stream, ends } = await setup(5)
    stream.say({ created: true, cluster: '7' })
    const next = etcd.next()
    stream.fail(status.UNAVAILABLE, 'cut')
    ;(await next).say({ created: true, cluster: '8' })
    await until(() => ends.length > 0)
    expect(ends).toMatchObject([{ kind: 'reset' }])
  })

  it('ends when the store is older than what it has seen, and a linearizable read confirms it', async () => {
    const { etcd, stream, ends } = await setup(200)
    etcd.revision = 60
    stream.say({ created: true, revision: 60 })
    await until(() => ends.length > 0)
    expect(ends).toEqual([{ kind: 'reset', message: 'the store is at revision 60, we have seen 199' }])
  })

  it('goes on when only the member lags behind', async () => {
    const { etcd, stream, ends, seen } = await setup(200)
    etcd.revision = 300
    stream.say({ created: true, revision: 60 })
    await until(() => etcd.reads === 1)
    stream.say({ mods: [200] })
    await until(() => seen.length === 1)
    expect(ends).toEqual([])
  })

  it('tries again when etcd cancels without telling why, and ends when it keeps doing so', async () => {
    const { etcd, stream, ends } = await setup(5)
    stream.say({ created: true, canceled: true, cancelReason: 'because' })
    while (ends.length === 0) {
      const cancelled = etcd.streams.length
      await until(() => etcd.streams.length > cancelled || ends.length > 0)
      etcd.streams[cancelled]?.say({ canceled: true, cancelReason: 'because' })
    }
    expect(etcd.streams).toHaveLength(5)
    expect(ends).toEqual([{ kind: 'failed', message: 'because' }])
  })

  it('ends as denied when a fresh token does not help', async () => {
    const { etcd, stream, ends } = await setup(5)
    const next = etcd.next()
    stream.say({ created: true, canceled: true, cancelReason: 'etcdserver: permission denied' })
    ;(await next).say({ created: true, canceled: true, cancelReason: 'etcdserver: permission denied' })
    await until(() => ends.length > 0)
    expect(ends).toMatchObject([{ kind: 'denied' }])
  })

  it('does not wait for ever for a server that accepts and says nothing', async () => {
    const { etcd, links } = await setup(5, 30)
    await until(() => etcd.streams.length >= 3)
    expect(links[0]).toMatch(/no answer to the watch request/)
  })

  it('tells when the link breaks and is back, once each', async () => {
    const { etcd, stream, links } = await setup(5)
    stream.say({ created: true })
    await until(() => links.length === 1)
    const next = etcd.next()
    stream.fail(status.UNAVAILABLE, 'etcdserver: no leader')
    ;(await next).say({ created: true })
    await until(() => links.length === 3)
    expect(links).toEqual(['up', `${etcd.url}: etcdserver: no leader`, 'up'])
  })

  it('ends with its client', async () => {
    const { client, stream, ends } = await setup(5)
    stream.say({ created: true })
    client.close()
    await until(() => ends.length > 0)
    expect(ends).toEqual([{ kind: 'closed' }])
  })
})
