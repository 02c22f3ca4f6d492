/**
 * The deciding core on one core: signed transactions through the whole step (parsed, verified, decided, logged, root of each block, the
 * blocks as large as an engine makes them), of which the bare Ed25519 verifications of the same transactions are the floor, in
 * interleaved rounds; and a state of a million packages written to a snapshot and restored from it, in a process of its own, beside
 * reading and hashing the same bytes. Goals: 5,000/s; 10 s and 400 MB. The load is whole builds: requests, draws, commitments,
 * reveals, verdicts.
 */
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canonicalJson } from '../src/base/crypto/canonical-json.ts'
import { verifyEd25519 } from '../src/base/crypto/ed25519.ts'
import { encodeTransaction, parseTransaction, type Transaction } from '../src/base/entries/transaction.ts'
import { applyBlock } from '../src/consensus/apply-block.ts'
import type { State } from '../src/consensus/draft/draft.ts'
import { packPurl } from '../src/consensus/draft/purl-record.ts'
import { dumpState, loadState } from '../src/consensus/snapshot.ts'
import { SOLO_DEFAULTS } from '../src/consensus/solo.ts'
import { createStateMachine, type StateMachine } from '../src/consensus/state.ts'
import { countOf, setValue } from '../src/consensus/tree/tree.ts'
import {
  createToyKeys,
  honest,
  namesOf,
  TOY_BEACON,
  TOY_NETWORK,
  TOY_RULES,
  TOY_START_SECONDS,
  toyOffers,
} from '../test/kit/consensus-network.ts'
import { median } from '../test/kit/load.ts'

const ORGANISATIONS = 20
const PACKAGES = 600
const ROUNDS = 5
const MILLION = 1_000_000
const { blockTransactionsMax } = SOLO_DEFAULTS

const [, , what = '', path = ''] = process.argv
const machine = createStateMachine({ network: TOY_NETWORK, beacon: TOY_BEACON })
if (what === '--restore') restore(path)
else {
  transactions()
  if (process.env.SNAP) snapshots()
}

interface BlockBytes {
  readonly heightBlock: number
  readonly timeSeconds: number
  readonly transactions: readonly Uint8Array[]
}

function begin(): State {
  const rules = { ...TOY_RULES, requestsPerWindow: MILLION, openRequestsMax: MILLION }
  const offers = toyOffers({ organisations: ORGANISATIONS })
  return machine.genesis({ offers, rules, timeSeconds: TOY_START_SECONDS }).state
}

/** Blocks that take so many packages from request to verdict. */
function wholeBuilds(): BlockBytes[] {
  const keys = createToyKeys()
  const names = namesOf(ORGANISATIONS)
  const blocks: BlockBytes[] = []
  let state = begin()
  const block = (given: readonly Transaction[], laterSeconds: number) => {
    const at = { heightBlock: state.at.heightBlock + 1, timeSeconds: state.at.timeSeconds + laterSeconds }
    const applied = applyBlock(machine, state, at, given)
    state = applied.state
    blocks.push({ ...at, transactions: given.map(encodeTransaction) })
    return [...applied.entries]
  }
  const run = (given: readonly Transaction[], laterSeconds: number) => {
    const entries = block(given.slice(0, blockTransactionsMax), laterSeconds)
    for (let from = blockTransactionsMax; from < given.length; from += blockTransactionsMax) {
      entries.push(...block(given.slice(from, from + blockTransactionsMax), 0))
    }
    return entries
  }
  const asked = Array.from({ length: PACKAGES }, (_, at) =>
    keys.request(names[at % names.length] ?? '', `pkg:toy/package-${at}@1.0`),
  )
  run(asked, 1)
  run([], 1)
  run([], 1)
  const drawn = run([keys.beacon(state.scalars.rounds[0] ?? 0)], 40).flatMap(({ entry }) =>
    entry.kind === 'selection' && entry.outcome === 'selected' ? [entry] : [],
  )
  const seats = drawn.flatMap(({ request, selected }) =>
    selected.map(({ organisation }) => ({ request, organisation })),
  )
  run(
    seats.map(({ request, organisation }) => keys.commit(organisation, request, honest())),
    1,
  )
  run(
    seats.map(({ request, organisation }) => keys.reveal(organisation, request, honest())),
    1,
  )
  return blocks
}

function replay(blocks: readonly BlockBytes[], genesis: State, on: StateMachine): void {
  let state = genesis
  for (const { heightBlock, timeSeconds, transactions: given } of blocks) {
    const parsed = given.map((bytes) => parseTransaction(bytes))
    const { receipts, state: after } = applyBlock(on, state, { heightBlock, timeSeconds }, parsed)
    if (receipts.some(({ refusal }) => refusal !== undefined)) throw new Error('a transaction was refused')
    state = after
    on.root(state)
  }
}

function transactions(): void {
  const blocks = wholeBuilds()
  const genesis = begin()
  const all = blocks.flatMap(({ transactions: given }) => given)
  const messages = all.map((bytes) => {
    const { body, signature } = parseTransaction(bytes)
    const message = Buffer.from(`pyrsia.transaction/1\n${JSON.stringify(body)}`)
    return { key: Buffer.from(body.key, 'hex'), message, signature: Buffer.from(signature, 'hex') }
  })
  const perSecond = (work: () => void) => {
    // CPU time: other work on the machine is not this core's.
    const start = process.cpuUsage()
    work()
    return all.length / cpuSeconds(start)
  }
  const rounds = Array.from({ length: ROUNDS }, () => ({
    step: perSecond(() => replay(blocks, genesis, machine)),
    bare: perSecond(() => {
      for (const { key, message, signature } of messages) {
        if (!verifyEd25519(key, message, signature)) throw new Error('wanted the bytes that were signed')
      }
    }),
  })).slice(1)
  const step = median(rounds.map((round) => round.step))
  const bare = median(rounds.map((round) => round.bare))
  const ratio = median(rounds.map((round) => round.step / round.bare))
  say(`${all.length} transactions of ${PACKAGES} builds: ${step.toFixed(0)}/s (goal 5000)`)
  say(`the same signatures alone: ${bare.toFixed(0)}/s; ratio ${ratio.toFixed(2)}`)
}

/** A state with a million packages that have a verdict. */
function million(): State {
  let { work, ...rest } = begin()
  for (let at = 0; at < MILLION; at += 1) {
    const request = hash('sha256', `request ${at}`, 'hex')
    const about = { request, index: at, outcome: 'rebuilt', files: request, expiresSeconds: null } as const
    const live = { ...about, agreed: [11, 12, 13, 14, 15] }
    const record = packPurl({ attempts: [], disputes: [], live, open: null, revoked: false })
    work = setValue(work, Buffer.from(`purl/pkg:toy/package-${at}@1.0`), canonicalJson(record))
  }
  return { work, ...rest }
}

function snapshots(): void {
  const directory = mkdtempSync(join(tmpdir(), 'pyrsia-bench-'))
  try {
    const file = join(directory, 'state.snapshot')
    const state = million()
    machine.root(state)
    const start = process.cpuUsage()
    const fd = openSync(file, 'w')
    let held: Uint8Array[] = []
    for (const piece of dumpState(machine.constants, state)) {
      held.push(piece)
      if (held.length < 1000) continue
      writeSync(fd, Buffer.concat(held))
      held = []
    }
    writeSync(fd, Buffer.concat(held))
    closeSync(fd)
    const seconds = cpuSeconds(start)
    say(
      `a state of ${countOf(state.work)} entries written in ${seconds.toFixed(2)} s: ${(statSync(file).size / 1e6).toFixed(0)} MB`,
    )
    const child = spawnSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), '--restore', file], {
      encoding: 'utf8',
    })
    process.stdout.write(child.stdout)
    process.stderr.write(child.stderr)
    if (child.status !== 0) process.exitCode = 1
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function restore(file: string): void {
  const bareStart = process.cpuUsage()
  for (const piece of piecesOf(file)) hash('sha256', piece, 'buffer')
  const bareSeconds = cpuSeconds(bareStart)
  const wallMs = performance.now()
  const start = process.cpuUsage()
  const state = loadState(machine.constants, piecesOf(file))
  const seconds = cpuSeconds(start)
  const wall = ((performance.now() - wallMs) / 1000).toFixed(2)
  // Not `maxRSS`: of a process that was forked that begins with what its parent held.
  const peakMb = (Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024) / 1e6
  gc?.()
  const heldMb = process.memoryUsage().rss / 1e6
  say(
    `${countOf(state.work)} entries restored and checked in ${seconds.toFixed(2)} s, ${wall} s by the wall clock (goal 10); reading and hashing the file: ${bareSeconds.toFixed(2)} s`,
  )
  say(`memory: ${peakMb.toFixed(0)} MB at most, ${heldMb.toFixed(0)} MB afterwards (goal 400)`)
}

function* piecesOf(file: string): Generator<Uint8Array> {
  const fd = openSync(file, 'r')
  try {
    const piece = Buffer.allocUnsafeSlow(1 << 20)
    for (;;) {
      const count = readSync(fd, piece)
      if (count === 0) return
      yield piece.subarray(0, count)
    }
  } finally {
    closeSync(fd)
  }
}

function cpuSeconds(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1e6
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
