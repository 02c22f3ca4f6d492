/**
 * Selecting a panel out of 1,000 organisations of three nodes each, beside the bare SHA-256 hashes that it needs; seed included, beacon
 * check not, which has a line of its own: the pairing that every drawn request costs once. Rounds are interleaved. Usage: node bench/run.ts selection (a few seconds)
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { domainHash } from '../src/base/crypto/domain-hash.ts'
import { chainOf } from '../src/beacon/chain-of.ts'
import { localChain, localRounds } from '../src/beacon/local-chain.ts'
import { drawSeed } from '../src/consensus/selection/draw-seed.ts'
import { select } from '../src/consensus/selection/select.ts'

const ORGANISATIONS = 1000
const NODES = 3
const ROUNDS = 300
const WARM_UP = 30

const members = Array.from({ length: ORGANISATIONS }, (_, at) => ({
  organisation: `organisation-${at}`,
  memberIndex: 10 + at * NODES,
  nodes: Array.from({ length: NODES }, (_, node) => ({
    node: `node-${at}-${node}`,
    memberIndex: 10 + at * NODES + node,
    types: ['a', 'b', 'c'],
  })),
}))
const root = domainHash('bench', [])

function drawOnce(round: number): number {
  const randomness = domainHash('bench', [round])
  const seed = drawSeed({
    network: 'bench',
    chainHash: root,
    round,
    randomness,
    requestLeafHash: root,
    attempt: 1,
    membershipRoot: root,
  })
  const outcome = select({ seed, members, ecosystemType: 'c', requestIndex: 1_000_000 })
  return outcome.kind === 'selected' ? outcome.selected.length : 0
}

function hashOnce(round: number): number {
  const bytes = Buffer.alloc(77)
  let sum = 0
  for (let at = 0; at < ORGANISATIONS; at += 1) {
    bytes.writeUInt32BE(round * ORGANISATIONS + at)
    sum += createHash('sha256').update(bytes).digest()[0] ?? 0
  }
  return sum
}

const times: Record<string, number[]> = { select: [], hashes: [] }
let kept = 0
for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
  for (const [name, work] of [['select', drawOnce] as const, ['hashes', hashOnce] as const]) {
    const startMs = performance.now()
    kept += work(round)
    if (round >= WARM_UP) times[name]?.push(performance.now() - startMs)
  }
}
const at = (name: string, share: number): number =>
  [...(times[name] ?? [])].sort((a, b) => a - b)[Math.floor(ROUNDS * share)] ?? Number.NaN
const line = (name: string) => `median ${at(name, 0.5).toFixed(2)} ms, 99% ${at(name, 0.99).toFixed(2)} ms`
process.stdout.write(`select ${ORGANISATIONS} organisations: ${line('select')} (kept ${kept > 0})\n`)
process.stdout.write(`${ORGANISATIONS} bare hashes: ${line('hashes')}\n`)
const file = new URL('../test/vectors/drand/quicknet-scheme.json', import.meta.url)
const { quicknet, scheme } = JSON.parse(readFileSync(file, 'utf8'))
const { chainHash, publicKey, periodSeconds, genesisTime: genesisSeconds } = quicknet
const chain = chainOf({ kind: 'drand', chainHash, publicKey, periodSeconds, genesisSeconds, schemeId: scheme })
const [{ round: drandRound, signature }] = quicknet.beacons
const local = localRounds(root)
const localBeacon = localChain(local.publicKey)
// The last round of a segment is the dearest.
const proof = local.round(1024)
times.drand = []
times.local = []
for (let round = 0; round < 50; round += 1) {
  for (const [name, work] of [
    ['drand', () => chain.verify(drandRound, new Uint8Array(Buffer.from(signature, 'hex')))] as const,
    ['local', () => localBeacon.verify(1024, proof.signature)] as const,
  ]) {
    const startMs = performance.now()
    kept += work().length
    if (round >= 10) times[name]?.push(performance.now() - startMs)
  }
}
const middle = (name: string) => [...(times[name] ?? [])].sort((a, b) => a - b)[20] ?? Number.NaN
process.stdout.write(
  `beacon check: drand ${middle('drand').toFixed(1)} ms, local at most ${middle('local').toFixed(1)} ms\n`,
)
process.stdout.write(`ratio ${(at('select', 0.5) / at('hashes', 0.5)).toFixed(2)}\n`)
