/** Who finds whom: by one bootstrap address, by the LAN alone, and never across the wall of a private network. Real nodes. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { needs } from '../kit/needs.ts'
import { type LanMachine, twoMachines } from '../kit/network-namespace.ts'
import { PYRSIA, scratch, startNode, type TestNode } from '../kit/node-process.ts'
import { mustRun, until } from '../kit/process.ts'

interface Found {
  readonly node: TestNode
  readonly machine: LanMachine | undefined
}

/** Starts a node that knows nothing but what `args` say; on `machine`, or on loopback. */
async function start(t: TestContext, directory: string, args: readonly string[], machine?: LanMachine): Promise<Found> {
  const data = join(directory, randomBytes(4).toString('hex'))
  const listen = machine === undefined ? [] : ['--listen', `/ip4/${machine.address}/tcp/0`]
  const prefix = machine?.prefix ?? []
  const node = await startNode({ data, prefix, args: ['--offline', ...listen, ...args] })
  t.after(async () => void (await node.stop()))
  return { node, machine }
}

/** The peers that a node is connected with, asked on its own machine. */
async function connections({ node, machine }: Found): Promise<string[]> {
  const [program = PYRSIA, ...rest] = [...(machine?.prefix ?? []), PYRSIA, 'list', '--json', '--data', node.data]
  const { stdout } = await mustRun(program, rest)
  const { peers } = JSON.parse(stdout) as { peers: Array<{ peerId: string; connected: boolean }> }
  return peers.filter(({ connected }) => connected).map(({ peerId }) => peerId)
}

/** Waits until each of these nodes is connected with all the others and with nobody else. */
async function knowOneAnother(found: readonly Found[]): Promise<void> {
  const ids = found.map(({ node }) => node.peerId)
  assert.equal(new Set(ids).size, found.length, 'each node is a peer of its own')
  for (const one of found) {
    const wanted = ids.filter((id) => id !== one.node.peerId).sort()
    await until(`${one.node.peerId} to be connected with ${wanted.length} others`, async () => {
      return (await connections(one)).sort().join() === wanted.join()
    })
  }
}

test('five nodes that know one bootstrap address each find one another, and stay when it dies', {
  timeout: 180_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-discovery')
  const first = await start(t, directory, [])
  const peer = ['--peer', first.node.listen[0] as string]
  const others = await Promise.all([1, 2, 3, 4].map(() => start(t, directory, peer)))
  await knowOneAnother([first, ...others])
  await first.node.stop('SIGKILL')
  await knowOneAnother(others)
})

test('a private network finds its own and keeps strangers out', { timeout: 180_000 }, async (t) => {
  const directory = await scratch(t, 'e2e-private')
  const keyed = (name: string): string[] => {
    const file = join(directory, name)
    writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 })
    return ['--network-key', file]
  }
  const key = keyed('ours')
  const first = await start(t, directory, key)
  const peer = ['--peer', first.node.listen[0] as string]
  const [member, third, stranger, foreigner] = await Promise.all([
    start(t, directory, [...key, ...peer]),
    start(t, directory, [...key, ...peer]),
    start(t, directory, peer),
    start(t, directory, [...keyed('theirs'), ...peer]),
  ])
  await knowOneAnother([first, member, third])
  for (const outsider of [stranger, foreigner]) assert.deepEqual(await connections(outsider), [])
})

test('a sixth node on the LAN finds five by multicast alone, and stays when their bootstrap node dies', {
  ...needs('netns', 'ip'),
  timeout: 180_000,
}, async (t) => {
  const directory = await scratch(t, 'e2e-lan')
  const [here, there] = await twoMachines(t)
  const first = await start(t, directory, [], here)
  const peer = ['--peer', first.node.listen[0] as string]
  const others = await Promise.all([1, 2, 3, 4].map(() => start(t, directory, peer, here)))
  await knowOneAnother([first, ...others])
  const sixth = await start(t, directory, [], there)
  await knowOneAnother([first, ...others, sixth])
  await first.node.stop('SIGKILL')
  await knowOneAnother([...others, sixth])
})
