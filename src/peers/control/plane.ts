/**
 * The control plane as the main thread has it: a worker (`worker.ts`) and a copy of the neighbourhood that it reports. A worker
 * that dies is started again after a while, at the same addresses; meanwhile there are no neighbours, and everything else
 * of the node works on. Adapter: it owns the thread. It decides nothing about peers.
 */
import { Worker } from 'node:worker_threads'
import type { Clock, Logger, Random } from '../../base/clock.ts'
import { AppError, wrapError } from '../../base/errors.ts'
import { seedOf } from '../identity.ts'
import type { ControlPlane, Identity, Neighbour } from '../neighbour.ts'
import type { PeerId } from '../peers.ts'
import {
  type BoundedEvent,
  CALLS_MAX,
  type Command,
  type PlainError,
  type Report,
  type WorkerStart,
} from './messages.ts'
import { CONTROL_LIMITS, CONTROL_TIMING, type ControlOptions } from './options.ts'
import { checkMessage, checkTopic } from './topics.ts'

/** A worker that is not ready within this time counts as failed. */
const READY_TIMEOUT_MS = 30_000
/** A worker that has not said good-bye within this time is ended. */
const STOP_TIMEOUT_MS = 3000
/** Waits before a worker that died is started again. */
const RESTART_MIN_MS = 500
const RESTART_MAX_MS = 60_000
/** Dropped peers that connections are refused to; ids cost nothing, so the oldest are let go. */
const DROPPED_MAX = 10_000
/** Memory of the worker: far more than it needs, far less than would hurt the machine. */
const WORKER_HEAP_MB = 256

/** What the control plane stands on. */
export interface ControlDependencies {
  readonly identity: Identity
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Keeps the newest record of a peer that this node was connected to. */
  readonly remember: (peerId: PeerId, envelope: Uint8Array) => void
  /** What `remember` kept, of this run and earlier ones. */
  readonly recall: () => readonly Uint8Array[]
}

/** The control plane, and what `status` tells of it. */
export interface WorkerControlPlane extends ControlPlane {
  /** `restarting`: the worker died and will be back. */
  condition(): 'stopped' | 'running' | 'restarting'
  /** Ends the worker as a crash would: for tests and for the soak. */
  crash(): Promise<void>
}

/**
 * A control plane that is not started yet. `start` throws conflict.port if it cannot listen, usage.config for an address that
 * it does not understand, unavailable.timeout if the worker does not come up.
 */
export function createControlPlane(options: ControlOptions, dependencies: ControlDependencies): WorkerControlPlane {
  return new Plane(options, dependencies)
}

type Waiting = PromiseWithResolvers<void>
type TopicListener = (message: Uint8Array, from: PeerId) => void

class Plane implements WorkerControlPlane {
  readonly #options: ControlOptions
  readonly #deps: ControlDependencies
  readonly #dropped = new Set<PeerId>()
  readonly #listeners = new Set<() => void>()
  readonly #topics = new Map<string, Set<TopicListener>>()
  readonly #calls = new Map<number, Waiting>()
  readonly #topicsMax: number
  #onDialBack: (peerId: PeerId, host: string, port: number) => void = () => {}
  #worker: Worker | undefined
  #condition: 'stopped' | 'running' | 'restarting' = 'stopped'
  #dataPort: number | undefined
  #neighbours: ReadonlyMap<PeerId, Neighbour> = new Map()
  #listen: readonly string[] = []
  #dialled = false
  #nextCall = 0
  #restarts = 0
  #readyAtMs = 0
  #cancelRestart: (() => void) | undefined

  constructor(options: ControlOptions, dependencies: ControlDependencies) {
    this.#options = options
    this.#deps = dependencies
    // The worker has a topic of its own, for records.
    this.#topicsMax = (options.limits?.topicsMax ?? CONTROL_LIMITS.topicsMax) - 1
  }

  async start(dataPort: number | undefined): Promise<void> {
    if (this.#condition !== 'stopped') throw new AppError('bug.assertion', 'the control plane is started twice')
    this.#dataPort = dataPort
    this.#condition = 'running'
    try {
      await this.#spawn(this.#options.listen ?? ['/ip4/127.0.0.1/tcp/0'])
    } catch (error) {
      this.#condition = 'stopped'
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#condition = 'stopped'
    this.#cancelRestart?.()
    const worker = this.#worker
    if (worker === undefined) return
    const gone = Promise.withResolvers<void>()
    worker.once('exit', () => gone.resolve())
    const cancel = this.#deps.clock.after(STOP_TIMEOUT_MS, () => void worker.terminate())
    this.#send({ kind: 'stop' })
    await gone.promise
    cancel()
  }

  async crash(): Promise<void> {
    await this.#worker?.terminate()
  }

  condition(): 'stopped' | 'running' | 'restarting' {
    return this.#condition
  }

  listen(): readonly string[] {
    return this.#listen
  }

  neighbours(): readonly Neighbour[] {
    return [...this.#neighbours.values()]
  }

  neighbour(peerId: PeerId): Neighbour | undefined {
    return this.#neighbours.get(peerId)
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  dialledByPeers(): boolean {
    return this.#dialled
  }

  drop(peerId: PeerId): void {
    this.#dropped.add(peerId)
    // The data plane's ledger refuses them still.
    if (this.#dropped.size > DROPPED_MAX) this.#dropped.delete([...this.#dropped.values().take(1)][0] ?? '')
    this.#send({ kind: 'drop', peerId })
    if (!this.#neighbours.has(peerId)) return
    this.#neighbours = new Map([...this.#neighbours].filter(([id]) => id !== peerId))
    this.#tell()
  }

  async requestDialBack(peerId: PeerId, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new AppError('aborted.caller', 'the caller left', { cause: signal.reason })
    const call = this.#newCall()
    const abandon = () => this.#send({ kind: 'abandon', call })
    signal.addEventListener('abort', abandon, { once: true })
    try {
      await this.#call(call, { kind: 'dial-back', call, peerId })
    } finally {
      signal.removeEventListener('abort', abandon)
    }
  }

  onDialBack(listener: (peerId: PeerId, host: string, port: number) => void): void {
    this.#onDialBack = listener
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    checkTopic(topic)
    checkMessage(message)
    const call = this.#newCall()
    await this.#call(call, { kind: 'publish', call, topic, message })
  }

  subscribe(topic: string, listener: TopicListener): () => void {
    checkTopic(topic)
    const listeners = this.#topics.get(topic) ?? new Set()
    if (listeners.size === 0) {
      if (this.#topics.size >= this.#topicsMax) {
        throw new AppError('exhausted.queue', `wanted at most ${this.#topicsMax} topics, found one more: ${topic}`)
      }
      this.#topics.set(topic, listeners)
      this.#send({ kind: 'subscribe', topic })
    }
    listeners.add(listener)
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#topics.delete(topic)
      this.#send({ kind: 'unsubscribe', topic })
    }
  }

  /** Starts a worker and waits until it listens. */
  async #spawn(listen: readonly string[]): Promise<void> {
    const { clock, logger } = this.#deps
    const worker = new Worker(workerUrl(), {
      name: 'pyrsia-control',
      workerData: this.#workerStart(listen),
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
    })
    this.#worker = worker
    const ready = Promise.withResolvers<void>()
    const cancel = clock.after(READY_TIMEOUT_MS, () => {
      ready.reject(new AppError('unavailable.timeout', `wanted the control plane ready within ${READY_TIMEOUT_MS} ms`))
    })
    let failure: unknown
    let isReady = false
    worker.on('message', (report: Report) => {
      if (report.kind === 'ready') {
        this.#listen = report.listen
        ready.resolve()
      } else if (report.kind === 'failed') {
        ready.reject(errorOf(report.error))
      } else if (this.#worker === worker) {
        this.#onReport(report)
      }
    })
    worker.on('error', (error: unknown) => {
      failure = error
    })
    worker.on('exit', () => {
      ready.reject(wrapError(failure, 'unavailable.peer', 'the worker of the control plane ended'))
      if (isReady && this.#worker === worker) this.#ended(failure)
    })
    try {
      await ready.promise
      isReady = true
      this.#readyAtMs = clock.monotonicMs()
      logger.debug({ listen: this.#listen.join(' ') }, 'the control plane listens')
    } catch (error) {
      if (this.#worker === worker) this.#worker = undefined
      await worker.terminate()
      throw error
    } finally {
      cancel()
    }
  }

  #workerStart(listen: readonly string[]): WorkerStart {
    const { bootstrap = [], trustPeers = [], allowPeers = [], denyPeers = [], mdns = true } = this.#options
    return {
      seed: seedOf(this.#deps.identity),
      listen,
      bootstrap,
      trustPeers,
      allowPeers,
      denyPeers: [...denyPeers, ...this.#dropped],
      networkKey: this.#options.networkKey,
      zone: this.#options.zone,
      mdns,
      dataPort: this.#dataPort,
      known: this.#deps.recall(),
      topics: [...this.#topics.keys()],
      limits: { ...CONTROL_LIMITS, ...this.#options.limits },
      timing: { ...CONTROL_TIMING, ...this.#options.timing },
    }
  }

  #onReport(report: Exclude<Report, { kind: 'ready' | 'failed' }>): void {
    switch (report.kind) {
      case 'neighbours': {
        const welcome = report.neighbours.filter(({ peerId }) => !this.#dropped.has(peerId))
        this.#neighbours = new Map(welcome.map((neighbour) => [neighbour.peerId, neighbour]))
        this.#listen = report.listen
        this.#send({ kind: 'seen' })
        this.#tell()
        break
      }
      case 'reply': {
        const waiting = this.#calls.get(report.call)
        this.#calls.delete(report.call)
        if (report.error === undefined) waiting?.resolve()
        else waiting?.reject(errorOf(report.error))
        break
      }
      case 'dialled':
        this.#dialled = true
        this.#tell()
        break
      case 'stopped':
        break
      default:
        this.#send({ kind: 'taken', events: 1 })
        this.#onEvent(report)
    }
  }

  #onEvent(event: BoundedEvent): void {
    switch (event.kind) {
      case 'message':
        for (const listener of [...(this.#topics.get(event.topic) ?? [])]) {
          this.#guard('a listener of a topic', () => listener(event.message, event.from))
        }
        break
      case 'dial-back':
        this.#guard('dialling back', () => this.#onDialBack(event.peerId, event.host, event.port))
        break
      case 'remember':
        this.#guard('remembering a peer', () => this.#deps.remember(event.peerId, event.envelope))
        break
      case 'log':
        this.#deps.logger[event.level](event.facts, event.text)
    }
  }

  /** The worker is gone: at the end of `stop`, or because it died. */
  #ended(failure: unknown): void {
    this.#worker = undefined
    this.#neighbours = new Map()
    for (const waiting of this.#calls.values()) {
      waiting.reject(new AppError('unavailable.peer', 'the control plane ended', { cause: failure }))
    }
    this.#calls.clear()
    if (this.#condition !== 'stopped') this.#restartLater(failure)
    this.#tell()
  }

  #restartLater(failure: unknown): void {
    const { clock, random, logger } = this.#deps
    this.#condition = 'restarting'
    if (clock.monotonicMs() - this.#readyAtMs > RESTART_MAX_MS) this.#restarts = 0
    const waitMs = Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** Math.min(this.#restarts, 20))
    this.#restarts += 1
    logger.warn({ err: failure, waitMs, restarts: this.#restarts }, 'the control plane died and is started again')
    this.#cancelRestart = clock.after(waitMs * (0.5 + random.fraction() / 2), () => void this.#restart())
  }

  async #restart(): Promise<void> {
    try {
      await this.#spawn(this.#sameAddresses())
      if (this.#condition === 'restarting') this.#condition = 'running'
    } catch (error) {
      if (this.#condition === 'restarting' && this.#worker === undefined) this.#restartLater(error)
    }
  }

  /** The addresses it was told to listen on, with the ports that it got the first time: peers know it by them. */
  #sameAddresses(): readonly string[] {
    return (this.#options.listen ?? ['/ip4/127.0.0.1/tcp/0']).map((address) => {
      const [, family, host, transport, port] = address.split('/')
      if (transport !== 'tcp' || port !== '0') return address
      const bound = this.#listen.map((one) => one.split('/'))
      const same = bound.find((parts) => parts[1] === family && (parts[2] === host || isUnspecified(host)))
      return same?.[4] === undefined ? address : address.replace(/\/tcp\/0/, `/tcp/${same[4]}`)
    })
  }

  #newCall(): number {
    if (this.#calls.size >= CALLS_MAX) {
      throw new AppError('exhausted.queue', `wanted at most ${CALLS_MAX} calls of the control plane at a time`)
    }
    this.#nextCall += 1
    return this.#nextCall
  }

  async #call(call: number, command: Command): Promise<void> {
    if (this.#worker === undefined) throw new AppError('unavailable.peer', 'the control plane is not running')
    const waiting = Promise.withResolvers<void>()
    this.#calls.set(call, waiting)
    this.#send(command)
    await waiting.promise
  }

  #send(command: Command): void {
    this.#worker?.postMessage(command)
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) this.#guard('a watcher of the neighbourhood', listener)
  }

  #guard(what: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#deps.logger.error({ err: error }, `${what} failed`)
    }
  }
}

/** The worker lies beside this file, compiled or not. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
}

function errorOf({ code, message }: PlainError): AppError {
  return new AppError(code, message)
}

function isUnspecified(host: string | undefined): boolean {
  return host === '0.0.0.0' || host === '::'
}
