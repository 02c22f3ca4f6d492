/**
 * A node whose trust network says what a test wants: the log of one authority that is not solo, so that `rebuilt` counts, with test
 * entries in it. Entries are appended while the node is stopped.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry } from '../../src/base/entries/entry.ts'
import type { Network } from '../../src/base/network/network.ts'
import type { StatusView } from '../../src/http/http.ts'
import { appendEntries, makeTestNetwork } from './network-log.ts'
import { scratch, startNode, type TestNode } from './node-process.ts'
import { until } from './process.ts'

/** The origin of the log of these networks. */
export const VERDICT_ORIGIN = 'log.acme.example/verdicts'

/** A rule that demands verdicts. */
export const ENFORCE = '[[rule]]\nverified = "enforce"\nreason = "verified only"\n'

/** The node and what is said to it. */
export interface VerdictNode {
  /** A folder for clients. */
  readonly directory: string
  readonly data: string
  /** The running node. */
  node(): TestNode
  /** Stops it, appends, and starts it again. */
  say(...entries: readonly Entry[]): Promise<TestNode>
  /** Puts rules in force. */
  rules(text: string): Promise<void>
}

/** Starts it with these rules and entries. */
export async function startVerdictNode(
  t: { after(fn: () => Promise<unknown>): void },
  options: {
    readonly name: string
    readonly args: readonly string[]
    readonly rules: string
    readonly entries?: readonly Entry[]
    readonly network?: Partial<Pick<Network, 'freshnessSeconds'>>
  },
): Promise<VerdictNode> {
  const directory = await scratch(t as Parameters<typeof scratch>[0], options.name)
  const data = join(directory, 'node')
  await makeTestNetwork(data, VERDICT_ORIGIN, options.network)
  writeFileSync(join(data, 'policy.toml'), options.rules)
  if (options.entries !== undefined) await appendEntries(data, options.entries)
  const start = async (): Promise<TestNode> => {
    const started = await startNode({ data, args: ['--fresh', '0s', ...options.args] })
    // Before it has asked whether others know of a newer one it cosigns nothing, and nothing counts as the latest.
    await until('the node to cosign its log', async () => {
      const status = await fetch(`${started.endpoints.api}/api/status`)
      return ((await status.json()) as StatusView).log.checkpoint?.cosigners.length === 1
    })
    return started
  }
  let node = await start()
  t.after(() => node.stop())
  return {
    directory,
    data,
    node: () => node,
    async say(...entries) {
      await node.stop()
      await appendEntries(data, entries)
      node = await start()
      return node
    },
    async rules(text) {
      writeFileSync(join(data, 'policy.toml'), text)
      await node.json('policy', 'reload')
    },
  }
}
