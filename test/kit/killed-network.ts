/**
 * Six organisations in six processes (an authority and five builders, TEST BUILDERs) and a node that asks, any of which is killed at a
 * named step of the flow and started again. Steps are recognised by what the log, the API and the nodes' own logs say.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Entry, SelectionEntry, VerdictEntry } from '../../src/base/entries/entry.ts'
import type { SubmissionView } from '../../src/http/http.ts'
import { connected, scratch, startNode, type TestNode } from './node-process.ts'
import { until } from './process.ts'
import { isBeginningOf, replayJournal } from './replay-journal.ts'
import { entriesOf, post } from './running-network.ts'
import { makeTrustNetwork, type TrustNetwork } from './trust-network.ts'

/** Where the flow is when somebody is killed, in its order. */
export const STEPS = [
  'accepted',
  'requested',
  'selected',
  'building',
  'commit-sent',
  'committed',
  'reveal-sent',
  'revealed',
  'decided',
] as const
/** One of `STEPS`. */
export type Step = (typeof STEPS)[number]
/** Who is killed: of the builders one that was drawn or, before the draw, the one through which the request goes. */
export type Victim = 'authority' | 'builder' | 'asker'

/** Nobody misses a deadline because a process has to start again, on a busy machine either. */
const RULES = { commitSeconds: 120, revealSeconds: 120 }
const BUILD_TIME = '1s'
/** Moments pass quickly; that somebody begins to send is over the soonest, and costs the least to look for. */
const LOOK_MS = 50
const LINE_MS = 10
const MOMENT_MS = 60_000
const DECIDED_MS = 110_000
const ASKER = 'asker'
const AUTHORITY = 'authority'
const CONTACT = 'builder-1'

/** The processes by name. */
export class KilledNetwork {
  readonly #t: TestContext
  readonly #network: TrustNetwork
  readonly #nodes = new Map<string, TestNode>()
  readonly #data: ReadonlyMap<string, string>
  readonly #held = new Set<string>()
  /** The one who is about to be killed: not asked for what the log says. */
  #doomed: string | undefined

  /** Starts it. */
  static async start(t: TestContext): Promise<KilledNetwork> {
    const network = await makeTrustNetwork(await scratch(t, 'e2e-kills'), { builders: 5, rules: RULES })
    const data = new Map([[AUTHORITY, network.authority], ...network.builders])
    data.set(ASKER, await network.outsider(ASKER))
    const killed = new KilledNetwork(t, network, data)
    for (const name of data.keys()) await killed.#start(name)
    return killed
  }

  private constructor(t: TestContext, network: TrustNetwork, data: ReadonlyMap<string, string>) {
    this.#t = t
    this.#network = network
    this.#data = data
  }

  /** Asks for a package, kills at the step, starts again, and waits for the verdict; everything must be in the log once. */
  async survives(step: Step, victim: Victim): Promise<void> {
    const purl = `pkg:npm/${victim}-killed-when-${step}@1.0.0`
    if (victim !== 'builder') this.#doomed = victim === 'asker' ? ASKER : AUTHORITY
    else if (step === 'accepted' || step === 'requested') this.#doomed = CONTACT
    try {
      const id = await this.#reach(step, purl)
      const name = this.#doomed ?? assert.fail('nobody is to be killed')
      await this.#node(name).stop('SIGKILL')
      this.#held.delete(name)
      this.#release()
      await this.#start(name)
      this.#doomed = undefined
      const { verdict, request } = await until(
        `the verdict on ${purl}`,
        async () => {
          const view = await statusOf(this.#node(ASKER), id)
          if (view.state === 'denied') assert.fail(view.reason)
          return view.state === 'decided' ? view : undefined
        },
        DECIDED_MS,
      )
      assert.deepEqual([verdict?.outcome, verdict?.agreed.length], ['rebuilt', 4])
      await this.#checkEntries(purl, request ?? '')
    } finally {
      this.#release()
    }
  }

  /** Stops all; every log is sound and the same, and so is what the authority's journal comes to from the genesis on. */
  async replay(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.stop()))
    const replayed = await replayJournal(this.#network.authority)
    const sizes = await Promise.all([...this.#data.values()].map((data) => isBeginningOf(data, replayed)))
    assert.equal(sizes[0], replayed.entries.length, "the authority's log has everything that its journal comes to")
    this.#t.diagnostic(
      `${replayed.blocks} blocks and ${replayed.entries.length} entries replayed; logs of ${sizes.join()}`,
    )
  }

  /** Brings the flow to the step; the id of the submission. */
  async #reach(step: Step, purl: string): Promise<string> {
    // Held, the network orders nothing: what the asker has taken is then known to nobody else.
    if (step === 'accepted') this.#hold(AUTHORITY)
    const id = await this.#ask(purl)
    if (step === 'accepted') return id
    await this.#logged(purl, 'its request', (all) => all.some(({ kind }) => kind === 'request'))
    if (step === 'requested') return id
    const panel = await this.#drawn(purl)
    this.#doomed ??= panel[0]
    const told = this.#doomed === panel[0] ? panel.slice(0, 1) : panel
    if (step === 'selected') return id
    if (step === 'decided') {
      await this.#logged(purl, 'its verdict', (all) => all.some(({ kind }) => kind === 'verdict'))
      return id
    }
    await Promise.all(told.map((name) => this.#knowsDraw(name, purl)))
    if (step === 'building') return id
    await this.#vote(step, purl, panel, told)
    return id
  }

  /** From the builds to the last of the four votes. `told`: those whose saying makes the step. */
  async #vote(step: Step, purl: string, panel: readonly string[], told: readonly string[]): Promise<void> {
    const [slow, late] = panel.slice(2) as [string, string]
    const quick = panel.slice(0, 2)
    const said = (kind: 'commit' | 'reveal', names: readonly string[]) =>
      this.#logged(purl, `${kind}s`, (all) => names.every((name) => all.some((entry) => isBy(entry, kind, name))))
    if (step === 'commit-sent') {
      this.#hold(AUTHORITY)
      await Promise.all(told.map((name) => this.#tells(name, purl, 'commitment')))
    } else if (step === 'reveal-sent') {
      await Promise.any(told.map((name) => this.#tells(name, purl, 'result')))
    } else if (step === 'committed') {
      // Nobody tells a result before the last has committed.
      this.#hold(late)
      await said('commit', quick)
    } else {
      this.#hold(late)
      await said('commit', [slow])
      this.#hold(slow)
      this.#release(late)
      await said('reveal', quick)
    }
  }

  #node(name: string): TestNode {
    return this.#nodes.get(name) ?? assert.fail(`${name} does not run`)
  }

  async #start(name: string): Promise<void> {
    const before = this.#nodes.get(name)
    // Others know it by where it was.
    const listen = before === undefined ? [] : ['--listen', (before.listen[0] ?? '').replace(/\/p2p\/.*$/, '')]
    const role = name === AUTHORITY ? ['--authority'] : ['--builder', '--test-builder', BUILD_TIME]
    const knows = name === AUTHORITY ? undefined : this.#node(name === ASKER ? CONTACT : AUTHORITY)
    const node = await startNode({
      data: this.#data.get(name) ?? '',
      args: [
        '--offline',
        '--log-level',
        'debug',
        ...(name === ASKER ? [] : role),
        ...listen,
        ...(knows === undefined ? [] : ['--peer', knows.listen[0] ?? '']),
      ],
    })
    this.#t.after(() => node.stop('SIGKILL'))
    this.#nodes.set(name, node)
    if (before === undefined && knows !== undefined) await connected(node, knows.peerId)
  }

  #hold(name: string): void {
    process.kill(this.#node(name).process.pid, 'SIGSTOP')
    this.#held.add(name)
  }

  #release(...names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...this.#held]) {
      if (this.#held.delete(name)) process.kill(this.#node(name).process.pid, 'SIGCONT')
    }
  }

  /** The submission is kept at the asker, whatever becomes of the call. */
  async #ask(purl: string): Promise<string> {
    const asker = this.#node(ASKER)
    const asking = post(asker, '/api/builds', { purl }).catch(() => undefined)
    this.#t.after(() => asking)
    return await until(
      `${purl} to be accepted`,
      async () => {
        const reply = await fetch(`${asker.endpoints.api}/api/builds`)
        const { submissions } = (await reply.json()) as { submissions: { id: string; purl: string }[] }
        return submissions.find((one) => one.purl === purl)?.id
      },
      MOMENT_MS,
      LOOK_MS,
    )
  }

  /** By somebody who is neither held nor about to die. */
  async #entries(purl: string): Promise<Entry[]> {
    const [name = ''] = [...this.#nodes.keys()].filter(
      (one) => one !== AUTHORITY && one !== this.#doomed && !this.#held.has(one),
    )
    return await entriesOf(this.#node(name), purl)
  }

  #logged<T>(purl: string, what: string, look: (entries: readonly Entry[]) => T | undefined | false): Promise<T> {
    return until(`${what} of ${purl}`, async () => look(await this.#entries(purl)), MOMENT_MS, LOOK_MS)
  }

  /** Who was drawn, those who can be held without the asker's way being cut first. */
  async #drawn(purl: string): Promise<string[]> {
    const { selected } = await this.#logged(purl, 'its draw', (all) => all.find(isSelected))
    return selected.map(({ organisation }) => organisation)
  }

  /** It follows from the log there that it is to build. */
  async #knowsDraw(name: string, purl: string): Promise<void> {
    const look = async () => (await entriesOf(this.#node(name), purl)).some(isSelected)
    await until(`${name} to know of the draw of ${purl}`, look, MOMENT_MS, LOOK_MS)
  }

  /** It says in its own log that it is about to tell the network. */
  async #tells(name: string, purl: string, what: 'commitment' | 'result'): Promise<void> {
    const { process } = this.#node(name)
    const line = new RegExp(`"purl":"${purl.replaceAll('.', '\\.')}","request":"[0-9a-f]{64}","what":"${what}"`)
    await until(`${name} to tell its ${what}`, () => line.test(process.stderr()), MOMENT_MS, LINE_MS)
  }

  async #checkEntries(purl: string, request: string): Promise<void> {
    const entries = await entriesOf(this.#node(ASKER), purl)
    // A draw whose next block came too late is fixed anew, once: that is the rule, and it is logged.
    const counted = entries.map(nameOf).filter((name) => name !== 'selection redrawn')
    const panel = entries.find(isSelected)?.selected.map(({ organisation }) => organisation) ?? []
    const wanted = [
      'request',
      'selection selected',
      ...panel.flatMap((name) => [`commit ${name}`, `reveal ${name}`]),
      'verdict rebuilt',
    ]
    assert.deepEqual(counted.sort(), wanted.sort())
    const verdict = entries.find((entry): entry is VerdictEntry => entry.kind === 'verdict')
    assert.deepEqual([verdict?.request, verdict?.attempt], [request, 1])
  }
}

function isSelected(entry: Entry): entry is SelectionEntry & { readonly outcome: 'selected' } {
  return entry.kind === 'selection' && entry.outcome === 'selected'
}

function isBy(entry: Entry, kind: Entry['kind'], name: string): boolean {
  return entry.kind === kind && 'organisation' in entry && entry.organisation === name
}

function nameOf(entry: Entry): string {
  if (entry.kind === 'selection' || entry.kind === 'verdict') return `${entry.kind} ${entry.outcome}`
  if (entry.kind === 'commit' || entry.kind === 'reveal') return `${entry.kind} ${entry.organisation}`
  return entry.kind === 'fault' ? `${entry.fault} ${entry.organisation}` : entry.kind
}

async function statusOf(of: TestNode, id: string): Promise<SubmissionView> {
  const reply = await fetch(`${of.endpoints.api}/api/builds/status?id=${id}`)
  assert.equal(reply.status, 200)
  return (await reply.json()) as SubmissionView
}
