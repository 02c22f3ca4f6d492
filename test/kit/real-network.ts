/**
 * A trust network of processes whose builders build for real: an authority and builders, each in a data directory of its own, with bubblewrap,
 * git repositories and registries on loopback. For the end-to-end tests of verified packages and for `npm run demo`.
 */
import type { Entry } from '../../src/base/entries/entry.ts'
import type { SubmissionView } from '../../src/http/http.ts'
import { type GitServer, startGitServer } from './git-server.ts'
import { connected, startNode, type TestNode } from './node-process.ts'
import { until } from './process.ts'
import { entriesOf } from './running-network.ts'
import { makeTrustNetwork, type TrustNetwork } from './trust-network.ts'

/** Host under which the repositories of such a network are known to registries. */
export const SOURCE_HOST = 'git.example.com'
/** A build on a busy machine is done in this time. */
const RULES = { commitSeconds: 600, revealSeconds: 120 }
const DECIDED_MS = 560_000
const LOOK_MS = 500

/** How it is made. */
export interface RealNetworkOptions {
  /** Where the data directories are made. */
  readonly directory: string
  readonly builders: number
  /** Purl type that they build. */
  readonly type: string
  /** URLs of registries by the name of their upstream. */
  readonly upstreams: Readonly<Record<string, string>>
  /** How many of the builders, the last ones, lie: they report bytes of their own without building anything. */
  readonly liars?: number
  /** Arguments of the node that asks and serves. */
  readonly args?: readonly string[]
  /** Called when another process is there. */
  readonly progress?: (name: string) => void
  /** Ends waiting for verdicts. */
  readonly signal?: AbortSignal
}

/** The running network. */
export interface RealNetwork extends AsyncDisposable {
  readonly trust: TrustNetwork
  readonly git: GitServer
  readonly authority: TestNode
  readonly builders: ReadonlyMap<string, TestNode>
  /** Organisations that lie. */
  readonly liars: readonly string[]
  /** A member of nothing, which asks and serves its users. */
  readonly node: () => TestNode
  /** Kills a process (`node` or the name of a builder) without warning and starts it again. */
  kill(name: string): Promise<void>
  /** Asks for a package. */
  ask(coordinates: string): Promise<SubmissionView>
  /** What this submission came to; `look` is shown how it stands until then. */
  decided(id: string, look?: (view: SubmissionView) => void): Promise<SubmissionView>
  /** Everything that the log has on a package. */
  entries(purl: string): Promise<Entry[]>
}

/** Starts it. */
export async function startRealNetwork(options: RealNetworkOptions): Promise<RealNetwork> {
  await using started = new AsyncDisposableStack()
  const git = started.adopt(await startGitServer(), (server) => server.close())
  const { directory, builders: count, type, liars: liarCount = 0, progress } = options
  const trust = await makeTrustNetwork(directory, { builders: count, type, rules: RULES })
  const running = new Map<string, TestNode>()
  started.defer(async () => void (await Promise.all([...running.values()].map((node) => node.stop()))))
  const sources = ['--source-mirror', `https://${SOURCE_HOST}/=${git.url}/`]
  const upstreams = Object.entries(options.upstreams).flatMap(([name, url]) => ['--upstream', `${name}=${url}`])
  const start = async (name: string, data: string, ...args: string[]): Promise<TestNode> => {
    const node = await startNode({ data, args: [...args, ...upstreams] })
    running.set(name, node)
    progress?.(name)
    return node
  }
  const authority = await start('authority', trust.authority, '--authority')
  const peer = ['--peer', authority.listen[0] ?? '']
  const names = [...trust.builders.keys()]
  const liars = names.slice(count - liarCount)
  const commands = new Map<string, () => Promise<TestNode>>()
  for (const [name, data] of trust.builders) {
    const how = liars.includes(name) ? ['--test-builder', '0s'] : sources
    commands.set(name, () => start(name, data, '--builder', '--cpu', '1', ...how, ...peer))
  }
  const own = await trust.outsider('node')
  commands.set('node', () => start('node', own, ...peer, ...(options.args ?? [])))
  // Two at a time: all at once they are slower than the time that each has to be ready, on a busy machine.
  const waiting = [...commands.values()]
  const startSome = async (): Promise<void> => {
    for (let begin = waiting.shift(); begin !== undefined; begin = waiting.shift()) {
      await connected(await begin(), authority.peerId)
    }
  }
  await Promise.all([startSome(), startSome()])
  const node = (): TestNode => running.get('node') as TestNode
  const decided: RealNetwork['decided'] = (id, look) => decidedAt(node, id, look, options.signal)
  const life = started.move()
  return {
    trust,
    git,
    authority,
    get builders() {
      return new Map(names.map((name) => [name, running.get(name) as TestNode]))
    },
    liars,
    node,
    async kill(name) {
      await running.get(name)?.stop('SIGKILL')
      const again = await commands.get(name)?.()
      if (again !== undefined) await connected(again, authority.peerId)
    },
    ask: async (coordinates) => (await node().json('build', type, coordinates)) as SubmissionView,
    decided,
    entries: (purl) => entriesOf(node(), purl),
    [Symbol.asyncDispose]: () => life.disposeAsync(),
  }
}

function decidedAt(
  node: () => TestNode,
  id: string,
  look: (view: SubmissionView) => void = () => undefined,
  signal: AbortSignal | undefined = undefined,
): Promise<SubmissionView> {
  return until(
    `the verdict on ${id}`,
    async () => {
      signal?.throwIfAborted()
      const view = await statusAt(node(), id)
      if (view === undefined) return undefined
      look(view)
      if (view.state === 'denied' || view.state === 'refused') throw new Error(`${view.purl}: ${view.reason}`)
      return view.state === 'decided' ? view : undefined
    },
    DECIDED_MS,
    LOOK_MS,
  )
}

/** Undefined while the node is not there: somebody killed it. */
async function statusAt(node: TestNode, id: string): Promise<SubmissionView | undefined> {
  try {
    const reply = await fetch(`${node.endpoints.api}/api/builds/status?id=${id}`)
    return reply.ok ? ((await reply.json()) as SubmissionView) : undefined
  } catch {
    return undefined
  }
}
