/**
 * A trust network of running processes under attack: one authority, six builder organisations, and a node that serves and asks. Builders
 * that take part in an attack are held (their processes get no time), and what their keys sign comes from the test instead.
 */
import assert from 'node:assert/strict'
import { createHash, hash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Signer } from '../../src/base/crypto/ed25519.ts'
import type { Entry, SelectionEntry, VerdictEntry } from '../../src/base/entries/entry.ts'
import { type Built, type BuiltFile, commitmentOf } from '../../src/base/entries/result.ts'
import type { CommitBody, RequestBody, RevealBody } from '../../src/base/entries/transaction.ts'
import { openRoleKeys } from '../../src/main/network/role-keys.ts'
import { connected, scratch, startNode, type TestNode } from './node-process.ts'
import { until } from './process.ts'
import { entriesOf, say } from './running-network.ts'
import { hexOf } from './sample-entries.ts'
import { makeTrustNetwork, type TrustNetwork } from './trust-network.ts'

/** A draw of this network. */
export interface Drawn {
  readonly purl: string
  /** Name of the request. */
  readonly request: string
  readonly attempt: number
  /** The organisations that were drawn. */
  readonly panel: readonly string[]
  readonly standbys: readonly string[]
  /** Those that have no part in it. */
  readonly passedOver: readonly string[]
}

/** What is told under whose key; of the others nothing is told but what their own processes say. */
export type Told = ReadonlyMap<string, Built>

/** The running network. */
export interface AttackedNetwork {
  readonly network: TrustNetwork
  readonly builders: ReadonlyMap<string, TestNode>
  /** The node that asks, looks and serves. It is started again by `restart`. */
  readonly node: () => TestNode
  restart(): Promise<void>
  signer(name: string): Signer
  /** The authority's key for changes of members. */
  readonly deciding: Signer
  /** All builders get no time, or these. */
  hold(names?: Iterable<string>): void
  release(names?: Iterable<string>): void
  /** Asks with the key of this organisation while all builders are held; the draw. */
  draw(purl: string, asker?: string): Promise<Drawn>
  /** The draw of a request that is in the log. */
  drawn(purl: string, request: string): Promise<Drawn>
  /** Commits and reveals under these keys, and waits for the verdict. */
  play(drawn: Drawn, told: Told): Promise<VerdictEntry>
  /** The verdict on this request. */
  verdict(drawn: Pick<Drawn, 'purl' | 'request'>): Promise<VerdictEntry>
  /** Faults of this request: `organisation fault`, sorted. */
  faults(drawn: Pick<Drawn, 'purl' | 'request'>): Promise<string[]>
}

/** Deadlines that a loaded machine keeps and a test can wait for: for two of them where a standby is called too. */
const RULES = { commitSeconds: 12, revealSeconds: 60 }
/** Until something that needs no deadline to pass is in the log. */
const LOGGED_MS = 90_000

/** A result of one file with these bytes, and upstream's under that name: by default the same. */
export function resultOf(name: string, bytes: Uint8Array, upstream: Uint8Array = bytes): Built {
  const sha256 = hash('sha256', bytes, 'hex')
  const upstreamSha256 = hash('sha256', upstream, 'hex')
  const file: BuiltFile = {
    name,
    sha256,
    sha512: createHash('sha512').update(bytes).digest('hex'),
    sha1: hash('sha1', bytes, 'hex'),
    sizeBytes: bytes.byteLength,
    canonical: sha256,
    upstream: { sha256: upstreamSha256, level: sha256 === upstreamSha256 ? 'exact' : 'mismatch', rules: [] },
  }
  return {
    outcome: 'built',
    source: { type: 'git', repository: 'https://git.example/x', commit: 'a'.repeat(40), tree: hexOf('tree') },
    lock: null,
    recipe: hexOf('recipe'),
    dependencies: { list: hexOf('dependencies'), levels: {} },
    files: [file],
    environment: { toolchains: ['under attack'], sandbox: 'none' },
  }
}

/** Starts it; `args` are those of the node that serves. */
export async function startAttackedNetwork(t: TestContext, args: readonly string[]): Promise<AttackedNetwork> {
  const network = await makeTrustNetwork(await scratch(t, 'e2e-attacks'), { builders: 6, rules: RULES })
  const builders = new Map<string, TestNode>()
  const start = async (data: string, ...more: string[]): Promise<TestNode> => {
    const started = await startNode({ data, args: more })
    t.after(() => started.stop('SIGKILL'))
    return started
  }
  const authority = await start(network.authority, '--offline', '--authority')
  const peer = ['--peer', authority.listen[0] ?? '']
  for (const [name, data] of network.builders) {
    builders.set(name, await start(data, '--offline', '--builder', '--test-builder', '0s', ...peer))
  }
  await Promise.all([...builders.values()].map((builder) => connected(builder, authority.peerId)))
  const data = await network.outsider('node')
  const startNodeThatServes = async (): Promise<TestNode> => {
    const started = await start(data, ...peer, ...args)
    await connected(started, authority.peerId)
    return started
  }
  let node = await startNodeThatServes()
  return control(network, builders, {
    node: () => node,
    async restart() {
      await node.stop()
      node = await startNodeThatServes()
    },
  })
}

/** The same where no process of a builder runs: all that builders say comes from the test, and nobody has to be held. */
export function voicesOf(network: TrustNetwork, node: () => TestNode): AttackedNetwork {
  return control(network, new Map(), { node, restart: () => Promise.resolve() })
}

function control(
  network: TrustNetwork,
  builders: ReadonlyMap<string, TestNode>,
  own: Pick<AttackedNetwork, 'node' | 'restart'>,
): AttackedNetwork {
  const { origin } = network.network
  const signer = (name: string): Signer => openRoleKeys(network.builders.get(name) ?? '').find('attestation') as Signer
  const signal = (which: NodeJS.Signals, names: Iterable<string>): void => {
    for (const name of names) process.kill(builders.get(name)?.process.pid ?? 0, which)
  }
  const entries = (purl: string): Promise<Entry[]> => entriesOf(own.node(), purl)
  const logged = <T>(what: string, purl: string, look: (entries: readonly Entry[]) => T | undefined): Promise<T> =>
    until(`${what} of ${purl}`, async () => look(await entries(purl)), LOGGED_MS)
  const verdict: AttackedNetwork['verdict'] = ({ purl, request }) =>
    logged('the verdict', purl, (all) =>
      all.find((entry): entry is VerdictEntry => entry.kind === 'verdict' && entry.request === request),
    )
  const drawn: AttackedNetwork['drawn'] = async (purl, request) =>
    drawnOf(
      await logged('the draw', purl, (all) =>
        all.find(
          (entry): entry is SelectionEntry & { outcome: 'selected' } =>
            entry.kind === 'selection' && entry.request === request && entry.outcome === 'selected',
        ),
      ),
    )
  return {
    ...own,
    network,
    builders,
    signer,
    deciding: openRoleKeys(network.authority).find('consensus') as Signer,
    hold: (names = builders.keys()) => signal('SIGSTOP', names),
    release: (names = builders.keys()) => signal('SIGCONT', names),
    async draw(purl, asker = 'builder-1') {
      signal('SIGSTOP', builders.keys())
      const asked = await say<RequestBody>(own.node(), origin, signer(asker), { type: 'request', purl })
      assert.equal(asked.refusal, undefined)
      return await drawn(purl, asked.entries[0]?.name ?? '')
    },
    drawn,
    async play(drawn, told) {
      const { purl, request, attempt } = drawn
      const votes = votesOf(told, signer)
      for (const { key, result, salt } of votes) {
        const builder = Buffer.from(key.publicKey).toString('hex')
        const commitment = commitmentOf({ network: origin, request, attempt, builder, result, salt })
        const said = { type: 'commit', request, attempt, commitment } as const
        assert.equal((await say<CommitBody>(own.node(), origin, key, said)).refusal, undefined)
      }
      // Until all have committed, or nobody is left to wait for.
      const phase = await logged('commitments', purl, (all) => progressOf(all, drawn))
      if (phase === 'telling') {
        for (const { key, result, salt } of votes) {
          const said = { type: 'reveal', request, attempt, salt, result } as const
          assert.equal((await say<RevealBody>(own.node(), origin, key, said)).refusal, undefined)
        }
      }
      return await verdict(drawn)
    },
    verdict,
    async faults({ purl, request }) {
      const found = (await entries(purl)).flatMap((entry) =>
        entry.kind === 'fault' && entry.request === request ? [`${entry.organisation} ${entry.fault}`] : [],
      )
      return found.sort()
    },
  }
}

function drawnOf(entry: SelectionEntry & { outcome: 'selected' }): Drawn {
  const names = (of: readonly { readonly organisation: string }[]): string[] =>
    of.map(({ organisation }) => organisation)
  const { purl, request, attempt, selected, standbys, passedOver } = entry
  const left = names(passedOver).filter((name) => name !== 'authority')
  return { purl, request, attempt, panel: names(selected), standbys: names(standbys), passedOver: left }
}

function votesOf(told: Told, signer: AttackedNetwork['signer']) {
  return [...told].map(([name, result]) => ({ key: signer(name), result, salt: randomBytes(32).toString('hex') }))
}

/** Whether results are told yet, or the attempt is over; undefined: commitments are waited for. */
function progressOf(entries: readonly Entry[], { request, panel, standbys }: Drawn): 'telling' | 'over' | undefined {
  const count = (isMeant: (entry: Entry) => boolean): number => entries.filter(isMeant).length
  if (count((entry) => entry.kind === 'verdict' && entry.request === request) > 0) return 'over'
  const committed = count((entry) => entry.kind === 'commit' && entry.tx.body.request === request)
  const missed = count(
    (entry) => entry.kind === 'fault' && entry.fault === 'missed-commit' && entry.request === request,
  )
  return committed + missed === panel.length + Math.min(missed, standbys.length) ? 'telling' : undefined
}

/** Path of a file of the network's own directory for tests. */
export function beside({ network }: AttackedNetwork, name: string): string {
  return join(network.authority, '..', name)
}
