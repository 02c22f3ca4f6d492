/**
 * The log of this node's trust network, put together: where it is kept (written here, copied in full, or light), who cosigns it,
 * how its checkpoints travel, and what is given to whom. `wire.ts` opens it before the peers start, since they ask for its files.
 */
import { join } from 'node:path'
import type { Clock, Logger, Random } from '../../base/clock.ts'
import { indexKeys } from '../../base/entries/index-keys.ts'
import { AppError, errorChain } from '../../base/errors.ts'
import { isSolo } from '../../base/network/network.ts'
import type { LogView } from '../../http/http.ts'
import { logFile as fileOf, type ServedLog } from '../../http/log/log-files.ts'
import { openDiskMirror, openDiskWriter } from '../../log/disk.ts'
import { createHttpSource } from '../../log/files/http-source.ts'
import type { LogSource } from '../../log/files/source.ts'
import type { AcceptedCheckpoint, LogReader, LogWriter } from '../../log/log.ts'
import { openEvidence } from '../../log/reader/evidence-file.ts'
import { type Exchange, originHash, startExchange } from '../../log/reader/exchange.ts'
import { createFollower, type FollowedLog, type Follower } from '../../log/reader/follow.ts'
import { judgeCheckpoint } from '../../log/reader/judge.ts'
import { createLightLog } from '../../log/reader/light.ts'
import { type MemberKeys, memberKeysOf } from '../../log/reader/member-keys.ts'
import { followedMirror, followedWriter } from '../../log/reader/mirror.ts'
import { answerSearch } from '../../log/reader/search.ts'
import { Turns } from '../../log/turns.ts'
import type { AskedWitness } from '../../log/witness/ask-witness.ts'
import type { Witness, WitnessLog } from '../../log/witness/witness.ts'
import type { PeerHost, Peers } from '../../peers/peers.ts'
import type { TrustedLog } from '../../serve/rules/verdicts.ts'
import { ensureDataDirectory } from '../data-directory.ts'
import { ensureNodeNetwork, type NodeNetwork } from '../network/node-network.ts'
import { askOwnNewest } from './ask-own-newest.ts'
import { type AskedWitnesses, askWitnesses } from './ask-witnesses.ts'
import { beginMark, openOnce } from './begun.ts'
import { type CheckpointFile, openCheckpointFile } from './checkpoint-file.ts'
import { type NodeCosigner, openNodeCosigner } from './node-cosigner.ts'
import { orMend } from './or-mend.ts'
import { logSources } from './sources.ts'
import { viewOf } from './view.ts'

/** What the owner says of the log. */
export interface NodeLogOptions {
  /** The data directory. */
  readonly directory: string
  readonly mode: 'full' | 'light'
  /** An engine of consensus appends to the own log, and says when to sign. */
  readonly ordered?: boolean
  /** URLs below which others have files of the log. */
  readonly sources: readonly string[]
  /** Cosign checkpoints of this network's log and of `witnessLogs`. */
  readonly witness: boolean
  readonly witnessLogs: readonly WitnessLog[]
  /** Asked to cosign the log, if this node alone signs it. */
  readonly askWitnesses: readonly AskedWitness[]
}

/** What it stands on. */
export interface NodeLogDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly peers: Pick<Peers, 'list' | 'onConnected' | 'logFile' | 'blame' | 'publish' | 'subscribe'>
}

/** The log of a running node. */
export interface NodeLog extends AsyncDisposable {
  readonly network: NodeNetwork
  /** The log and the network whose log it is, for whoever decides by what it says. */
  readonly trusted: TrustedLog
  readonly reader: LogReader
  /** There if this node alone signs the log. */
  readonly writer: LogWriter | undefined
  readonly witness: Witness | undefined
  /** The log as it is served over HTTP. */
  readonly served: ServedLog
  /** What peers are given: files of a network's log, nothing of a node's own. */
  readonly logFile: PeerHost['logFile']
  /** Begins to tell, to hear and to ask others, after the peers have started; ends before they stop. */
  start(): AsyncDisposable
  view(): LogView
}

/**
 * Opens the log, makes the solo network on the first start, and begins to cosign what is signed here.
 * @throws usage.network, usage.config, damaged.identity, damaged.log, damaged.cosigner, conflict.running, exhausted.disk, unavailable.storage
 */
export async function openNodeLog(options: NodeLogOptions, dependencies: NodeLogDependencies): Promise<NodeLog> {
  const { clock, random } = dependencies
  const network = await ensureNodeNetwork(options.directory, { random, nowSeconds: Math.floor(clock.nowMs() / 1000) })
  for (const note of network.notes) dependencies.logger.warn({}, note)
  await using opened = new AsyncDisposableStack()
  const log = opened.use(new OpenLog(options, dependencies, network))
  await log.open()
  opened.move()
  return log
}

class OpenLog implements NodeLog {
  readonly network: NodeNetwork
  readonly served: ServedLog
  readonly #options: NodeLogOptions
  readonly #with: NodeLogDependencies
  readonly #keys: MemberKeys
  /** Solo logs say what their owner does: they stay here. */
  readonly #shared: boolean
  readonly #hash: string
  readonly #ends: (() => unknown)[] = []
  readonly #stopping = new AbortController()
  #sources: () => readonly LogSource[] = () => []
  #reader: LogReader | undefined
  #writer: LogWriter | undefined
  #follower: Follower | undefined
  #exchange: Exchange | undefined
  #cosigner: NodeCosigner | undefined
  #asked: AskedWitnesses | undefined
  #timed: { readonly note: string; readonly timeSeconds: number | undefined } | undefined
  #members: CheckpointFile | undefined
  #learning: Promise<void> = Promise.resolve()
  /** Of all who add signatures to the own log's newest checkpoint. */
  readonly #turns = new Turns()

  constructor(options: NodeLogOptions, dependencies: NodeLogDependencies, network: NodeNetwork) {
    this.#options = options
    this.#with = dependencies
    this.network = network
    const asked = options.askWitnesses.map(({ key }) => key)
    this.#keys = memberKeysOf(network.network, asked, dependencies.logger)
    this.#shared = !isSolo(network.network)
    this.#hash = originHash(network.network.origin)
    this.served = {
      newest: () => this.reader.newest(),
      tile: (path) => this.reader.tile(path),
      search: async (path) => (this.reader.mode === 'full' ? await answerSearch(this.reader, path) : undefined),
    }
  }

  get reader(): LogReader {
    if (this.#reader === undefined) throw new AppError('bug.assertion', 'the log is not open')
    return this.#reader
  }

  get trusted(): NodeLog['trusted'] {
    return { reader: this.reader, network: this.network.network, timeOf: (checkpoint) => this.#timeOf(checkpoint) }
  }

  get writer(): LogWriter | undefined {
    return this.#writer
  }

  get witness(): Witness | undefined {
    return this.#cosigner?.witness
  }

  logFile: PeerHost['logFile'] = async ({ originHash: hash, path }) => {
    if (!this.#shared || hash !== this.#hash) return undefined
    return (await fileOf(this.served, path))?.bytes
  }

  async open(): Promise<void> {
    const { directory, sources } = this.#options
    const { clock, logger, peers } = this.#with
    const servers = sources.map((url) => createHttpSource(url, { clock, logger }))
    for (const server of servers) this.#ends.push(() => server.close())
    const { origin, checkpoint } = this.network.network
    this.#sources = () => logSources(origin, this.#shared ? peers : undefined, servers)
    const log = await this.#openCopy()
    // A light copy asks others, who are not there yet; it has kept what it knew.
    if (this.reader.mode === 'full') await this.#learnMembers()
    const unwatch = this.reader.watch(() => void this.#learnMembers())
    this.#ends.push(async () => {
      unwatch()
      this.#stopping.abort()
      await this.#learning
    })
    const evidence = await openEvidence(join(directory, 'evidence'))
    this.#follower = createFollower({
      log,
      keys: this.#keys,
      ahead: this.#keys.ahead,
      pinned: checkpoint,
      sources: this.#sources,
      evidence,
      onEvidence: (found) => this.#exchange?.tell(found),
      logger,
    })
    await this.#openCosigner()
  }

  start(): AsyncDisposable {
    const { peers, clock, random, logger } = this.#with
    const follower = this.#follower
    if (follower === undefined || this.#exchange !== undefined) {
      throw new AppError('bug.assertion', 'the log is not open, or was started before')
    }
    const log = this.reader
    const sources = this.#sources
    const gossip = this.#shared ? peers : undefined
    const blame = (from: string, about: string): void => peers.blame(from, { kind: 'bad-message', about })
    const exchange = startExchange(
      {},
      {
        log,
        follower,
        gossip,
        sources,
        blame,
        clock,
        random,
        logger,
        ...(this.#shared && { arrivals: (listener) => peers.onConnected(listener) }),
      },
    )
    this.#exchange = exchange
    const confirming = this.#confirm()
    const { freshnessSeconds } = this.network.network
    if (this.#writer !== undefined) {
      const about = { log: this.#writer, freshnessSeconds, turns: this.#turns, clock, logger }
      this.#asked = askWitnesses(this.#options.askWitnesses, about)
    }
    return {
      [Symbol.asyncDispose]: async () => {
        this.#stopping.abort()
        await Promise.all([exchange.stop(), confirming, this.#asked?.stop(), this.#learning])
      },
    }
  }

  view(): LogView {
    const { network } = this.network
    const failure = this.#cosigner?.failure()
    return viewOf({
      network,
      keys: this.#keys,
      mode: this.reader.mode,
      writes: this.#writer !== undefined,
      newest: this.reader.newest(),
      follow: this.#follower?.state(),
      witnessed: this.witness?.origins ?? [],
      notes: [
        ...this.network.notes,
        ...(failure === undefined ? [] : [`Not cosigned: ${failure}`]),
        ...(this.#asked?.notes() ?? []),
      ],
      nowSeconds: this.#nowSeconds(),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }

  /** Before the first signature after a start others are asked what this node signed before (`2-trust.md`, "The log"). */
  async #confirm(): Promise<void> {
    const cosigner = this.#cosigner
    if (cosigner === undefined || !this.#shared) return
    const { clock, logger } = this.#with
    const { signal } = this.#stopping
    const newest = await askOwnNewest(
      { name: cosigner.key.name, keys: this.#keys, sources: this.#sources, clock },
      signal,
    )
    if (signal.aborted) return
    if (newest === 'nobody') logger.info({}, 'nobody could be asked what this node cosigned before')
    await cosigner.confirm(newest === 'nobody' ? undefined : newest)
  }

  /** Changes of members that the log has. What cannot be had now is asked for at the next checkpoint. Never throws. */
  #learnMembers(): Promise<void> {
    this.#learning = this.#learning.then(async () => {
      const { signal } = this.#stopping
      if (signal.aborted || this.reader.newest() === undefined) return
      try {
        await this.#keys.learn(this.reader, signal)
        this.#timed = undefined
        await this.#members?.writeMembers()
      } catch (error) {
        if (signal.aborted) return
        const facts = { cause: errorChain(error) }
        this.#with.logger.warn(facts, 'changes of members were not read from the log: those known before count')
      }
    })
    return this.#learning
  }

  /** The log on the disk, as a follower sees it. */
  async #openCopy(): Promise<FollowedLog> {
    const { directory, mode, ordered = false } = this.#options
    const { logger } = this.#with
    const { network, signers, keys } = this.network
    const { origin } = network
    await ensureDataDirectory(join(directory, 'log'))
    const disk = { origin, directory: join(directory, 'log'), keysOf: indexKeys }
    if (signers !== undefined && network.quorum.of === 1) {
      const open = (create: boolean): Promise<LogWriter> =>
        openDiskWriter({ ...disk, create, signAtOnce: !ordered }, signers.log, { logger })
      const mark = beginMark(keys.path('log'), network)
      const writer = await orMend(openOnce(mark, open), 'written')
      this.#ends.push(() => writer.close())
      this.#reader = writer
      this.#writer = writer
      return followedWriter(writer, async (head) => await this.#cosigner?.confirm(head))
    }
    if (mode === 'light') {
      const store = await openCheckpointFile(join(directory, 'checkpoint'), this.#keys, logger)
      this.#members = store
      const light = createLightLog({ origin, store, sources: () => this.#sources(), keysOf: indexKeys, logger })
      this.#reader = light
      return light
    }
    const mirror = await orMend(openDiskMirror(disk, { logger }), this.#shared ? 'followed' : 'written')
    this.#ends.push(() => mirror.close())
    this.#reader = mirror
    return followedMirror(mirror)
  }

  /** There if this node cosigns anything. */
  async #openCosigner(): Promise<void> {
    const { directory, witness, witnessLogs } = this.#options
    if (this.#writer === undefined && !witness) return
    const { origin } = this.network.network
    const own: WitnessLog = { origin, keys: this.#keys.policyAt(Number.MAX_SAFE_INTEGER).logs }
    const witnessed = witness ? [own, ...witnessLogs.filter((log) => log.origin !== origin)] : undefined
    const about = { directory, writer: this.#writer, witnessed, confirmFirst: this.#shared, turns: this.#turns }
    const cosigner = await openNodeCosigner(about, this.network, this.#with)
    this.#cosigner = cosigner
    this.#ends.push(() => cosigner.close())
  }

  /** The last one is remembered: it is asked for at every look-up. */
  #timeOf({ note }: AcceptedCheckpoint): number | undefined {
    if (this.#timed?.note !== note) {
      this.#timed = { note, timeSeconds: judgeCheckpoint(Buffer.from(note), this.#keys).timeSeconds }
    }
    return this.#timed.timeSeconds
  }

  #nowSeconds(): number {
    return Math.floor(this.#with.clock.nowMs() / 1000)
  }
}
