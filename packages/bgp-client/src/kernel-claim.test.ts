import { afterEach, expect, test } from 'vitest'
import { claimKernel, type KernelClaim, kernelWriter } from './kernel-claim.js'

const name = `\0starling/test-claim-${process.pid}`
const held: KernelClaim[] = []
afterEach(async () => {
  for (const claim of held.splice(0)) await claim.release()
})

async function claim(node: string, wait = 0, believed?: () => boolean): Promise<string[]> {
  const told: string[] = []
  const warn = (text: string) => void told.push(text)
  held.push(await claimKernel({ node, name, wait, warn, ...(believed === undefined ? {} : { believed }) }))
  return told
}

test('a second agent is refused and told who is there', async () => {
  expect(await claim('worker-1')).toEqual([])
  await expect(claim('worker-1')).rejects.toThrow(
    new RegExp(`starling node worker-1 \\(pid ${process.pid}\\) writes the kernel routes here already.*--fib memory`),
  )
})

test('a successor waits for its predecessor’s end', async () => {
  await claim('worker-1')
  const second = claim('worker-1', 10_000)
  await held[0]?.release()
  held.length = 0
  const told = await second
  expect(told.length).toBeLessThanOrEqual(1)
  await expect(claim('worker-2')).rejects.toThrow('worker-1')
})

test('who writes is named for others who ask, and nobody when nobody does', async () => {
  expect(await kernelWriter(name)).toBeUndefined()
  await claim('worker-1')
  expect(await kernelWriter(name)).toBe(`starling node worker-1 (pid ${process.pid})`)
})

test('somebody who may not write routes cannot keep us out', async () => {
  await claim('impostor')
  const told = await claim('worker-1', 0, () => false)
  expect(told).toEqual([expect.stringContaining('starling node impostor')])
})
