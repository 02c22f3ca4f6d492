/**
 * The worker thread that carries the control plane, so that its handshakes and pings never hold up a transfer. Adapter: it
 * has the thread's port, and the machine's clock and chance. `plane.ts` starts it and speaks to it (`messages.ts`).
 */
import { randomBytes } from 'node:crypto'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Clock, LogFacts, Logger, Random } from '../../base/clock.ts'
import { AppError, errorChain, wrapError } from '../../base/errors.ts'
import { identityOfSeed } from '../identity.ts'
import type { PeerId } from '../peers.ts'
import {
  type BoundedEvent,
  type Command,
  EVENTS_MAX,
  type PlainError,
  type Report,
  type WorkerStart,
} from './messages.ts'
import { createHost } from './node/host.ts'
import { ControlNode } from './node/node.ts'
import { createSubnetTest } from './subnets.ts'

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => reject(new AppError('aborted.caller', 'the caller left', { cause: signal?.reason }))
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    const timer = setTimeout(resolve, ms)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  },
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
}

const random: Random = {
  bytes: (count) => randomBytes(count),
  fraction: () => Math.random(),
}

/** Reports to the main thread, within the bounds of `messages.ts`. */
class Reporter {
  readonly #port: MessagePort
  #untaken = 0
  #lost = 0

  constructor(port: MessagePort) {
    this.#port = port
  }

  report(report: Exclude<Report, BoundedEvent>): void {
    this.#port.postMessage(report)
  }

  /** True if it was sent; false if the main thread is behind. */
  event(event: BoundedEvent): boolean {
    if (this.#untaken >= EVENTS_MAX) {
      this.#lost += 1
      return false
    }
    this.#untaken += 1
    this.#port.postMessage(event)
    return true
  }

  taken(events: number): void {
    this.#untaken -= events
    if (this.#lost === 0 || this.#untaken > EVENTS_MAX / 2) return
    const lost = this.#lost
    this.#lost = 0
    this.event({
      kind: 'log',
      level: 'warn',
      facts: { lost: String(lost) },
      text: 'events of peers were dropped: too many',
    })
  }
}

function createLogger(reporter: Reporter, bound: LogFacts): Logger {
  const say = (level: 'debug' | 'info' | 'warn' | 'error') => (facts: LogFacts, text: string) => {
    const all = Object.entries({ ...bound, ...facts }).map(([name, value]) => [name, plainText(value)] as const)
    reporter.event({ kind: 'log', level, facts: Object.fromEntries(all), text })
  }
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (facts) => createLogger(reporter, { ...bound, ...facts }),
  }
}

function plainText(value: unknown): string {
  return (value instanceof Error ? errorChain(value).join(': ') : String(value)).slice(0, 1000)
}

function plainError(error: unknown): PlainError {
  const { code } = wrapError(error, 'unavailable.peer', 'a call to the control plane')
  return { code, message: errorChain(error).join(': ').slice(0, 1000) }
}

/** Tells the neighbourhood when it changed, one at a time: the next when the main thread has seen the last. */
class Watch {
  readonly #tell: () => void
  #unseen = false
  #changed = false

  constructor(tell: () => void) {
    this.#tell = tell
  }

  changed(): void {
    if (this.#unseen) {
      this.#changed = true
      return
    }
    this.#unseen = true
    this.#changed = false
    this.#tell()
  }

  seen(): void {
    this.#unseen = false
    if (this.#changed) this.changed()
  }
}

async function run(port: MessagePort, start: WorkerStart): Promise<void> {
  const reporter = new Reporter(port)
  const refused = new Set<PeerId>(start.denyPeers)
  const allowed = new Set<PeerId>(start.allowPeers)
  const welcome = (peerId: PeerId) => !refused.has(peerId) && (allowed.size === 0 || allowed.has(peerId))
  const identity = identityOfSeed(start.seed)
  const privateKey = Buffer.concat([start.seed, identity.publicKey])
  const host = await createHost({ ...start, privateKey, welcome })
  const watch = new Watch(() =>
    reporter.report({ kind: 'neighbours', neighbours: node.neighbours(), listen: node.listen() }),
  )
  let dialled = false
  const node: ControlNode = new ControlNode(start, {
    identity,
    host,
    clock,
    random,
    logger: createLogger(reporter, {}),
    sameSubnet: createSubnetTest({ clock }),
    welcome,
    events: {
      changed: () => watch.changed(),
      dialledByPeer() {
        if (!dialled) reporter.report({ kind: 'dialled' })
        dialled = true
      },
      remember: (peerId, envelope) => void reporter.event({ kind: 'remember', peerId, envelope }),
      dialBack: (peerId, ip, dataPort) => void reporter.event({ kind: 'dial-back', peerId, host: ip, port: dataPort }),
    },
  })
  await node.start()
  for (const topic of start.topics) hear(node, reporter, topic)
  obey(port, { node, reporter, watch, refuse: (peerId) => refused.add(peerId) })
  reporter.report({ kind: 'ready', listen: node.listen() })
  watch.changed()
}

/** What commands act on. */
interface Session {
  readonly node: ControlNode
  readonly reporter: Reporter
  readonly watch: Watch
  readonly refuse: (peerId: PeerId) => void
}

function obey(port: MessagePort, session: Session): void {
  const { node, reporter, watch } = session
  const calls = new Map<number, AbortController>()
  const answer = (call: number, work: (signal: AbortSignal) => Promise<void>) => {
    const controller = new AbortController()
    calls.set(call, controller)
    work(controller.signal)
      .then(
        () => reporter.report({ kind: 'reply', call, error: undefined }),
        (error: unknown) => reporter.report({ kind: 'reply', call, error: plainError(error) }),
      )
      .finally(() => calls.delete(call))
  }
  port.on('message', (command: Command) => {
    switch (command.kind) {
      case 'publish':
        return answer(command.call, () => node.gossip.publish(command.topic, command.message))
      case 'dial-back':
        return answer(command.call, (signal) => node.requestDialBack(command.peerId, signal))
      case 'abandon':
        return calls.get(command.call)?.abort(new AppError('aborted.caller', 'the caller left'))
      case 'subscribe':
        return hear(node, reporter, command.topic)
      case 'unsubscribe':
        return node.gossip.unsubscribe(command.topic)
      case 'drop':
        session.refuse(command.peerId)
        return node.drop(command.peerId)
      case 'taken':
        return reporter.taken(command.events)
      case 'seen':
        return watch.seen()
      case 'stop':
        return void stop(port, session)
    }
  })
}

async function stop(port: MessagePort, { node, reporter }: Session): Promise<void> {
  try {
    await node.stop()
  } finally {
    reporter.report({ kind: 'stopped' })
    port.close()
  }
}

/** Listens to a topic for the main thread, which checked its form and counts its topics. */
function hear(node: ControlNode, reporter: Reporter, topic: string): void {
  node.gossip.subscribe(topic, (message, from) => {
    reporter.event({ kind: 'message', topic, message: Uint8Array.from(message), from })
    return true
  })
}

if (parentPort !== null) {
  const port = parentPort
  run(port, workerData as WorkerStart).catch((error: unknown) => {
    port.postMessage({ kind: 'failed', error: plainError(error) } satisfies Report)
    port.close()
  })
}
