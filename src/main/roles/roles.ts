/**
 * The roles of a node in its trust network, put together: an authority orders, a builder builds, and every node asks, passes on what
 * others ask, and shows what came of it. `wire.ts` opens them before the peers start, since they answer for them.
 */
import type { Clock, Logger, Random } from '../../base/clock.ts'
import type { Signer } from '../../base/crypto/ed25519.ts'
import { AppError } from '../../base/errors.ts'
import { isSolo } from '../../base/network/network.ts'
import { dispute, revoke } from '../../build/doubts.ts'
import { createJobBook } from '../../build/jobs.ts'
import { createMember, type Member } from '../../build/member.ts'
import type { Ordering } from '../../build/ordering.ts'
import { openSubmissions, type SubmissionView } from '../../build/submissions.ts'
import { startWork } from '../../build/work.ts'
import type { BuildDoor } from '../../http/api/parts.ts'
import type { PeerHost, Peers } from '../../peers/peers.ts'
import type { Transform } from '../../serve/parts.ts'
import type { Store } from '../../store/store.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { type BuilderOptions, type OpenedBuilder, openRealBuilder } from '../builds/real-builder.ts'
import type { NodeLog } from '../log/node-log.ts'
import { genesisOf } from '../network/genesis.ts'
import { purlOf } from '../network/log-door.ts'
import type { ProvingLog } from '../network/make-proof.ts'
import { openBeacon } from '../network/open-beacon.ts'
import { type Authority, startAuthority } from './authority.ts'
import { createOrderHost } from './order-host.ts'
import { createPeerOrdering } from './peer-ordering.ts'
import { createStatements, type Statements } from './statements.ts'
import { createSummaries, type Summaries } from './summary/summaries.ts'
import { createTestBuilder } from './test-builder.ts'

/** What the owner wants of the node. */
export interface RolesOptions {
  /** The data directory. */
  readonly directory: string
  /** Of Pyrsia. */
  readonly version: string
  readonly authority: boolean
  readonly builder: boolean
  /** What is given to real builds. */
  readonly builds: Omit<BuilderOptions, 'directory'>
  /** How long the test builder takes for a package; undefined: it is off. */
  readonly testBuilderSeconds: number | undefined
  /** Where rounds of a public beacon are fetched. */
  readonly beaconEndpoints: readonly string[]
}

/** What the roles stand on. */
export interface RolesDependencies {
  readonly log: NodeLog
  readonly peers: Pick<Peers, 'list' | 'onConnected' | 'transact' | 'lookup' | 'fetch'>
  readonly store: Store
  readonly upstream: Pick<Upstream, 'request' | 'config'>
  readonly transform: Transform
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** The roles of a running node. */
export interface Roles extends AsyncDisposable {
  /** What peers' messages for the order are answered with. */
  readonly transact: PeerHost['transact']
  readonly door: BuildDoor
  /** Finds what builders signed, for proofs and audits. */
  readonly signed: Pick<ProvingLog, 'statement' | 'summary'> & Pick<Statements, 'findList'>
  /** Why this node cannot do its part any more, for a person; undefined: it can. */
  failure(): string | undefined
  /** Begins to build and to send what waits, after the peers have started; ends before they stop. */
  start(): AsyncDisposable
}

/**
 * Opens the roles; an authority has caught up with its journal when it resolves.
 * @throws usage.config for a role that this node cannot have; usage.network, damaged.snapshot, damaged.identity, unavailable.storage
 */
export async function openRoles(options: RolesOptions, deps: RolesDependencies): Promise<Roles> {
  const { log, clock } = deps
  const { network } = log.network
  const keys = keysOf(options, deps)
  const opened = options.builder ? await builderOf(options, deps) : undefined
  const builder = opened?.kind === 'ready' ? opened.builder : undefined
  const authority = options.authority ? await openAuthority(options, deps, keys.consensus) : undefined
  const peerOrdering = createPeerOrdering(network, deps)
  const ordering: Ordering =
    authority === undefined ? peerOrdering : { order: authority.order, ask: (...given) => peerOrdering.ask(...given) }
  const memberOf = (signer: Signer | undefined): Member | undefined =>
    signer && createMember(network.origin, signer, { ordering, clock })
  const attesting = memberOf(keys.attestation)
  const deciding = authority?.member ?? memberOf(keys.consensus)
  const member = attesting ?? deciding
  const statements = createStatements(deps)
  const summaries = openSummaries(deps, keys.attestation, statements)
  const host = createOrderHost({ network, authority, member, passOn: peerOrdering.passOn, clock })
  const standing = { ordering, member, log: log.reader, network: network.origin, notebook: deps.store.notebook }
  let submissions: ReturnType<typeof openSubmissions> | undefined
  const started = (): ReturnType<typeof openSubmissions> => {
    if (submissions === undefined) throw new AppError('unavailable.node', 'the node is starting')
    return submissions
  }
  return {
    transact: (...given) => summaries.answer(given[0], given[1].peerId, given[2]) ?? host(...given),
    signed: { statement: statements.find, summary: summaries.collect, findList: statements.findList },
    failure: () => authority?.failure(),
    door: {
      notes: () => [authority?.failure() ?? [], missingNote(opened) ?? []].flat(),
      underWay: () => (opened?.kind === 'ready' ? opened.underWay() : []),
      submit: (question, signal) => started().submit(purlOf(question), signal),
      status: (id, signal) => started().status(id, signal).then(withSummary(summaries)).then(withOwn(opened)),
      list: () => ({ submissions: started().list() }),
      dispute: (about, signal) => dispute(about, { log: log.reader, member }, signal),
      order: (transaction, signal) => ordering.order(transaction, signal),
      revoke: (about, signal) => revoke(about, { member: deciding }, signal),
    },
    start() {
      submissions = openSubmissions({ ...deps, ...standing })
      const open = submissions
      const work =
        builder === undefined || attesting === undefined || keys.attestation === undefined
          ? undefined
          : startWork({
              ...deps,
              log: log.reader,
              network: network.origin,
              member: attesting,
              signer: keys.attestation,
              builder,
              slots: options.builds.slots,
              jobs: createJobBook(deps.store.notebook, network.origin),
              version: options.version,
              keepStatement: (bytes) => statements.keep(bytes),
              keepList: (bytes) => statements.keepList(bytes),
            })
      return {
        async [Symbol.asyncDispose]() {
          await Promise.all([open.close(), work?.stop(), summaries.close()])
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await authority?.[Symbol.asyncDispose]()
    },
  }
}

/** Summaries for the nodes of a network of several; of a solo network there are none. */
function openSummaries(deps: RolesDependencies, signer: Signer | undefined, statements: Statements): Summaries {
  const { log, store } = deps
  const { origin } = log.network.network
  return createSummaries({ ...deps, network: origin, log: log.reader, signer, statements, notebook: store.notebook })
}

/** Whoever waited for a verdict has its summary collected, while its builders are there. */
function withSummary(summaries: Summaries): (view: SubmissionView) => SubmissionView {
  return (view) => {
    if (view.verdict !== undefined) summaries.collectSoon(view.verdict.index)
    return view
  }
}

/** What this node itself is doing about a submission. */
function withOwn(opened: OpenedBuilder | undefined): (view: SubmissionView) => SubmissionView {
  return (view) => {
    const own = opened?.kind === 'ready' ? opened.underWay().find(({ purl }) => purl === view.purl) : undefined
    return own === undefined ? view : { ...view, here: own.doing }
  }
}

interface Keys {
  readonly attestation: Signer | undefined
  readonly consensus: Signer | undefined
}

/** The keys with which this node is a member. Those of its earlier solo network lie beside it still, and are none. */
function keysOf({ builder }: RolesOptions, { log }: RolesDependencies): Keys {
  const { network, keys } = log.network
  const attestation = keys.find('attestation')
  const consensus = keys.find('consensus')
  const isMembers = (role: 'attestation' | 'consensus', signer: Signer | undefined): boolean =>
    signer !== undefined &&
    network.organisations.some((one) => one.keys[role] === Buffer.from(signer.publicKey).toString('base64'))
  if (builder && attestation === undefined) {
    throw new AppError('usage.config', `--builder: wanted an attestation key in ${keys.path('attestation')}`)
  }
  if (builder && log.reader.mode !== 'full') {
    throw new AppError('usage.config', '--builder: wanted the whole log (--log full), since it says who builds what')
  }
  return {
    // A builder that was let in later is in the log alone.
    attestation: builder || isMembers('attestation', attestation) ? attestation : undefined,
    consensus: isMembers('consensus', consensus) ? consensus : undefined,
  }
}

/** The test builder if it is wanted, else the real one, or why this machine has none. */
async function builderOf(options: RolesOptions, deps: RolesDependencies): Promise<OpenedBuilder> {
  const { testBuilderSeconds: seconds, directory, builds } = options
  if (seconds !== undefined) {
    return { kind: 'ready', builder: createTestBuilder({ seconds }, deps), underWay: () => [] }
  }
  const opened = await openRealBuilder({ ...builds, directory }, { ...deps, log: deps.log.reader })
  if (opened.kind === 'missing') deps.logger.warn({ reason: opened.reason }, 'this node builds nothing')
  return opened
}

function missingNote(opened: OpenedBuilder | undefined): string | undefined {
  return opened?.kind === 'missing' ? `This node builds nothing although it has --builder: ${opened.reason}` : undefined
}

async function openAuthority(
  { directory, beaconEndpoints }: RolesOptions,
  deps: RolesDependencies,
  signer: Signer | undefined,
): Promise<Authority> {
  const { log } = deps
  const { network, keys } = log.network
  if (log.writer === undefined) {
    const found = network.quorum.of === 1 ? 'another node signs its log' : `it has ${network.quorum.of} authorities`
    throw new AppError('usage.config', `--authority: wanted a network of one authority, this node; ${found}`)
  }
  const own = signer ?? soloSigner(deps)
  const genesis = genesisOf(network)
  if (genesis === undefined) {
    throw new AppError(
      'usage.network',
      `--authority: ${log.network.file} does not say with what the network was founded`,
    )
  }
  const sources = { endpoints: beaconEndpoints, seed: keys.beaconSeed() }
  const beacon = openBeacon(network, sources, deps)
  return await startAuthority({ ...deps, directory, network, genesis, log: log.writer, beacon, signer: own })
}

/** With one authority, `network.json` need not name its consensus key; the genesis does. */
function soloSigner({ log }: RolesDependencies): Signer {
  const { network, keys } = log.network
  const signer = keys.find('consensus')
  if (signer !== undefined) return signer
  const what = isSolo(network) ? 'solo network' : 'network'
  throw new AppError(
    'usage.config',
    `--authority: wanted the consensus key of the ${what} in ${keys.path('consensus')}`,
  )
}
