/** Real Pyrsia nodes and CLI calls for end-to-end tests: `bin/pyrsia` as a user runs it, on free ports and throw-away data. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Finished, type Running, run, start, until } from './process.ts'

/** The command that a clone offers. */
export const PYRSIA: string = fileURLToPath(new URL('../../bin/pyrsia', import.meta.url))

/** The readiness line of `pyrsia start --json`. */
export interface Ready {
  readonly endpoints: Readonly<Record<string, string>>
  readonly peerId: string
  readonly listen: readonly string[]
}

/** A running node. */
export interface TestNode extends Ready {
  readonly data: string
  /** The command that started it. */
  readonly program: string
  readonly process: Running
  /** Runs a CLI command against this node. */
  cli(...args: string[]): Promise<Finished>
  /** The parsed output of a CLI command with `--json`. */
  json(...args: string[]): Promise<unknown>
  /** Ends it; the data directory stays for a restart. */
  stop(signal?: NodeJS.Signals): Promise<number>
}

/** Makes a directory that `t.after` removes. */
export async function scratch(t: { after(fn: () => Promise<void>): void }, name = 'pyrsia'): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${name}-`))
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }))
  return directory
}

/** Starts a node on free ports and waits until it is ready. `prefix` runs it inside something, e.g. `ip netns exec x`. */
export async function startNode(options: {
  readonly data: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly prefix?: readonly string[]
  readonly ports?: readonly string[]
}): Promise<TestNode> {
  const ports = options.ports ?? ['--port', '0', '--npm-port', '0', '--api-port', '0']
  const command = [
    ...(options.prefix ?? []),
    PYRSIA,
    'start',
    '--json',
    '--data',
    options.data,
    ...ports,
    ...(options.args ?? []),
  ]
  const process = start(command[0] as string, command.slice(1), options.env === undefined ? {} : { env: options.env })
  let over = false
  process.ended.finally(() => {
    over = true
  })
  const line = await until('the node to be ready', () => {
    if (over)
      throw new Error(`the node ended before it was ready\n${process.stdout()}\n${process.stderr().slice(-6000)}`)
    return process
      .stdout()
      .split('\n')
      .find((text) => text.startsWith('{'))
  })
  const ready = JSON.parse(line) as Ready
  const cli = (...args: string[]): Promise<Finished> => run(PYRSIA, [...args, '--data', options.data])
  return {
    ...ready,
    data: options.data,
    program: PYRSIA,
    process,
    cli,
    async json(...args) {
      const finished = await cli(...args, '--json')
      if (finished.code !== 0)
        throw new Error(`pyrsia ${args.join(' ')} ended with ${finished.code}: ${finished.stderr}`)
      return JSON.parse(finished.stdout) as unknown
    },
    stop: (signal = 'SIGTERM') => process.stop(signal),
  }
}

/** Waits until `node` lists this peer as connected. */
export async function connected(node: TestNode, peerId: string): Promise<void> {
  await until(`${node.peerId} to be connected with ${peerId}`, async () => {
    const finished = await node.cli('list', '--json')
    return finished.code === 0 && isConnected(JSON.parse(finished.stdout), peerId)
  })
}

function isConnected(listed: unknown, peerId: string): boolean {
  const rows = Array.isArray(listed) ? listed : ((listed as { peers?: unknown[] }).peers ?? [])
  return (rows as Array<{ peerId: string; connected: boolean }>).some((row) => row.peerId === peerId && row.connected)
}
