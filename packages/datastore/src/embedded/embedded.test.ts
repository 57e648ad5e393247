import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { datastoreCompliance, RecordingSink } from '../compliance/index.js'
import { MemoryStore } from '../memory.js'
import { type EmbeddedAddress, type EmbeddedServer, embeddedDatastore, serveEmbedded } from './index.js'

const folders: string[] = []
const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'starling-embedded-'))
  folders.push(folder)
  return join(folder, 'store.sock')
}

async function serve(listen: EmbeddedAddress, store = new MemoryStore()): Promise<EmbeddedServer> {
  const server = await serveEmbedded({ listen, store })
  open.push(server)
  return server
}

function client(address: EmbeddedAddress, callMs = 2_000) {
  const datastore = embeddedDatastore(address, { callMs })
  open.push(datastore)
  return datastore
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** A relay whose connections can be cut, between a client and the server at a path. */
async function relay(target: string): Promise<{ path: string; cut(): void; server: Server }> {
  const path = socketPath()
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => to.write(chunk))
      from.on('close', () => to.destroy()).on('error', () => to.destroy())
    }
  })
  server.listen(path)
  await once(server, 'listening')
  open.push({
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  return { path, server, cut: () => sockets.forEach((socket) => void socket.destroy()) }
}

datastoreCompliance(
  'the embedded driver, over a Unix socket that is cut,',
  async () => {
    const server = await serve({ path: socketPath() })
    const between = await relay((server.address as { path: string }).path)
    const datastore = client({ path: between.path })
    const { store } = server
    return {
      datastore,
      set: async (key, value) => void store.commit([{ key, value }]),
      remove: async (key) => void store.commit([{ key, value: undefined }]),
      compact: async () => store.compact(),
      cut: async () => between.cut(),
      close: async () => {},
    }
  },
  { linked: true },
)

describe('the embedded datastore', () => {
  it('is one store to several clients, on a loopback port too', async () => {
    const server = await serve({ port: 0 })
    const [a, b] = [client(server.address), client(server.address)]
    await a.create('/x', '1')
    expect(await b.get('/x')).toMatchObject({ value: '1' })
    expect(await b.create('/x', '2')).toMatchObject({ conflict: 'exists' })
  })

  it('ends a watch when a new server with another history takes the old one’s place', async () => {
    const path = socketPath()
    const first = await serve({ path })
    const store = client({ path })
    await store.create('/x', '1')
    const sink = new RecordingSink()
    store.watch('/', (await store.list('/')).revision + 1, sink)
    await first.close()
    open.splice(open.indexOf(first), 1)
    await serve({ path })
    await until(() => sink.ends.length > 0)
    expect(sink.ends).toEqual([{ reason: 'broken', error: expect.stringContaining('began anew') }])
    expect(sink.log).toEqual([])
  })

  it('waits for a server that starts later', async () => {
    const path = socketPath()
    const listing = client({ path }, 10_000).list('/')
    await serve({ path })
    expect((await listing).entries).toEqual([])
  })

  it('gives up after its time with a retriable error, which is unambiguous as nothing was sent', async () => {
    const error = await client({ path: socketPath() }, 60)
      .create('/x', '1')
      .catch((caught) => caught)
    expect(error).toMatchObject({ retriable: true, ambiguous: false })
  })

  it('does not wait long for a socket that never answered, and says why', async () => {
    const path = socketPath()
    await expect(client({ path }, 60_000).get('/a')).rejects.toMatchObject({
      message: `embedded ${path}: connect ENOENT ${path}`,
      retriable: true,
      ambiguous: false,
    })
  })

  it('is private to its user', async () => {
    const path = socketPath()
    await serve({ path })
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('refuses to listen beyond loopback, and to displace a server that lives', async () => {
    const beyond = { host: '0.0.0.0', port: 0 } as unknown as EmbeddedAddress
    await expect(serveEmbedded({ listen: beyond })).rejects.toThrow('loopback only')
    const path = socketPath()
    await serve({ path })
    await expect(serveEmbedded({ listen: { path } })).rejects.toThrow('another embedded datastore')
  })

  it('never deletes a file that is not a socket', async () => {
    const path = socketPath()
    writeFileSync(path, 'precious')
    await expect(serveEmbedded({ listen: { path } })).rejects.toThrow()
    expect(statSync(path).size).toBe(8)
  })

  it.each([
    'GET / HTTP/1.1\r\n\r\n',
    'null\n',
    '[]\n',
    '{"id":1,"op":"constructor"}\n',
    '{"id":1,"op":"create","key":"/a","value":5}\n',
    '{"id":1,"op":"update","key":"/a","value":"5","revision":"1"}\n',
    '{"op":"list","prefix":"/"}\n',
  ])('drops a stranger who says %j and serves the others', async (words) => {
    const server = await serve({ port: 0 })
    const stranger = connect((server.address as { port: number }).port, '127.0.0.1')
    stranger.write(words)
    stranger.resume()
    await once(stranger, 'close')
    expect((await client(server.address).list('/')).entries).toEqual([])
  })
})
