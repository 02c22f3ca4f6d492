/** What a seed stands for: a network, who in it is honest, what they want, how bad the weather is. Drawn from the seed alone. */
import { hash } from 'node:crypto'
import type { Signer } from '../../src/base/crypto/ed25519.ts'
import type { Offer } from '../../src/base/entries/offer.ts'
import { agreedPart, type BuildResult } from '../../src/base/entries/result.ts'
import type { NetworkRules } from '../../src/base/entries/rules.ts'
import type { Network } from '../../src/base/network/network.ts'
import type { BeaconRound } from '../../src/beacon/beacon.ts'
import { localChain, localRounds } from '../../src/beacon/local-chain.ts'
import { type Constants, hashOf } from '../../src/consensus/draft/draft.ts'
import type { Genesis } from '../../src/consensus/state.ts'
import { namesOf, TOY_RULES } from '../kit/consensus-network.ts'
import { TEST_ORIGIN, TEST_SECONDS, testNetwork, testOffer } from '../kit/proof-log.ts'
import { keyOf, sampleOffer, sampleResult, signerOf } from '../kit/sample-entries.ts'
import type { Chance } from './world/random.ts'
import type { Weather } from './world/wires.ts'

/** How a builder behaves. The letters are the attacks of 2-trust.md. */
export const BUILDER_WAYS = [
  'honest',
  'copy-commitment (D3)',
  'copy-from-another-request (D3)',
  'equivocate (D7)',
  'withhold-commit (D2)',
  'withhold-reveal (D2)',
  'collude (D1, D9)',
  'collude-until-doubted (D9)',
  'claim-upstream (D10)',
  'lie-about-toolchains',
  'vote-unselected (F4)',
  'tell-early-and-late',
] as const
/** One of `BUILDER_WAYS`. */
export type BuilderWay = (typeof BUILDER_WAYS)[number]

/** How a member asks. */
export const REQUESTER_WAYS = ['honest', 'grind (D8)', 'flood', 'doubt-everything', 'resubmit'] as const
/** One of `REQUESTER_WAYS`. */
export type RequesterWay = (typeof REQUESTER_WAYS)[number]

/** A builder of the scenario. */
export interface BuilderPlan {
  readonly organisation: string
  /** The key is named `<node>/attestation`. */
  readonly node: string
  readonly way: BuilderWay
  /** How long it builds, in milliseconds. */
  readonly buildMs: readonly [number, number]
}

/** A network under a seed. */
export interface Scenario {
  readonly seed: string
  readonly genesis: Genesis
  readonly network: Network
  readonly authorities: readonly string[]
  readonly builders: readonly BuilderPlan[]
  readonly requesters: readonly { readonly organisation: string; readonly way: RequesterWay }[]
  readonly weather: Weather
  readonly purls: readonly string[]
  /** The package that an honest member asks for when the weather is calm. */
  readonly lastPurl: string
  readonly stormMs: number
  /** Mean time between two deaths of a process, in milliseconds. */
  readonly deathMs: number
  /** Mean time between two partitions. */
  readonly cutMs: number
  /** Greatest difference of a clock, in milliseconds. */
  readonly skewMs: number
  /** How often a write of the authority fails, 0 to 1. */
  readonly failure: number
  /** How often the authority dies in the middle of a write, 0 to 1. */
  readonly death: number
}

/** The rules of all simulated networks. */
export const SIM_RULES: NetworkRules = { ...TOY_RULES, requestsPerWindow: 8, openRequestsMax: 3 }
/** Nodes of the operator that has many (D4). */
export const SYBIL_NODES = 50

const signers = new Map<string, Signer>()

/** The signer of a key's name. */
export function signer(name: string): Signer {
  const known = signers.get(name) ?? signerOf(name)
  signers.set(name, known)
  return known
}

const keys = new Map<string, string>()

/** The public key of a key's name, in hex. */
export function publicKey(name: string): string {
  const known = keys.get(name) ?? keyOf(name)
  keys.set(name, known)
  return known
}

const rounds = localRounds(hash('sha256', 'beacon', 'buffer'))
const made = new Map<number, BeaconRound>()

/** What the beacon gives for a round. */
export function beaconRound(round: number): BeaconRound {
  const known = made.get(round) ?? rounds.round(round)
  made.set(round, known)
  return known
}

/** The beacon as the state machine checks it; a true round is checked once, since that takes a thousand hashes. */
export function simBeacon(): Constants['beacon'] {
  const { chainHash, schedule, verify } = localChain(rounds.publicKey)
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const known = new Set<string>()
  return {
    chainHash: hex(chainHash),
    schedule,
    check(round, randomness, proof) {
      const key = `${round} ${randomness} ${proof}`
      if (known.has(key)) return true
      try {
        if (hex(verify(round, Buffer.from(proof, 'hex'))) !== randomness) return false
      } catch {
        return false
      }
      known.add(key)
      return true
    },
  }
}

/** What the package's source builds to, and what upstream has: the same in most. */
export function truthOf(purl: string): BuildResult {
  return sampleResult(`bytes of ${purl}`, purl.includes('tampered') ? `upstream of ${purl}` : `bytes of ${purl}`)
}

const truths = new Map<string, string>()

/** The hash of the part of the truth on which builders agree. */
export function truthHash(purl: string): string {
  const known = truths.get(purl) ?? hashOf(agreedPart(truthOf(purl)))
  truths.set(purl, known)
  return known
}

/** What those who collude say. */
export function evilOf(purl: string): BuildResult {
  return sampleResult(`evil bytes of ${purl}`, `evil bytes of ${purl}`)
}

const shapes = new Map<string, readonly Offer[]>()

/** What a node is known by in the log. */
export function nodeKey(node: string): string {
  return publicKey(`${node}/attestation`)
}

/** The scenario of a seed. */
export function drawScenario(seed: string, chance: Chance): Scenario {
  const organisations = chance.pick([4, 6, 6, 7, 8, 13])
  const authorities = namesOf(organisations).slice(0, chance.pick([1, 4]))
  const sybil = chance.hit(0.25)
  const idle = organisations > 6 && chance.hit(0.3)
  const names = namesOf(organisations)
  const collusion = chance.hit(0.3)
    ? chance.pick(['collude (D1, D9)', 'collude-until-doubted (D9)'] as const)
    : undefined
  const hostility = chance.pick(collusion === undefined ? [0, 0, 0.2, 0.35, 0.6] : [0.35, 0.6, 0.8])
  const way = (): BuilderWay => {
    if (!chance.hit(hostility)) return 'honest'
    return collusion ?? chance.pick(BUILDER_WAYS.slice(1))
  }
  // Among honest ones a single cheat is seen best.
  const lone = hostility === 0 && chance.hit(0.7) ? chance.pick(names) : undefined
  const slow = chance.pick([30_000, 60_000, 150_000])
  const own = names.map((organisation): BuilderPlan => {
    return {
      organisation,
      node: organisation,
      way: organisation === lone ? chance.pick(BUILDER_WAYS.slice(1)) : way(),
      buildMs: [1000, chance.hit(0.2) ? slow : 30_000],
    }
  })
  const sybils = sybil
    ? sybilNodes().map((node): BuilderPlan => {
        return { organisation: 'sybil', node, way: 'collude (D1, D9)', buildMs: [1000, 10_000] }
      })
    : []
  return {
    seed,
    genesis: { offers: offersOf({ names, authorities, sybil, idle }), rules: SIM_RULES, timeSeconds: TEST_SECONDS },
    network: networkOf(names, authorities),
    authorities,
    builders: [...own, ...sybils],
    requesters: names.slice(0, 4).map((organisation, at) => ({
      organisation,
      way: at === 0 ? 'honest' : chance.pick(REQUESTER_WAYS),
    })),
    weather: {
      loss: chance.pick([0, 0.05, 0.2]),
      twice: chance.pick([0, 0.1]),
      slow: chance.pick([0, 0.03, 0.15]),
      replay: chance.pick([0, 0.4]),
    },
    purls: Array.from({ length: chance.whole(1, 3) }, () => purlOf(chance, chance.hit(0.5) ? 'tampered' : 'plain')),
    lastPurl: purlOf(chance, 'last'),
    stormMs: chance.whole(150, 600) * 1000,
    deathMs: chance.pick([1e9, 250_000, 90_000]),
    cutMs: chance.pick([1e9, 200_000]),
    skewMs: chance.pick([0, 2000, 9000]),
    failure: chance.pick([0, 0, 0.01]),
    death: chance.pick([0, 0, 0.02, 0.05]),
  }
}

function purlOf(chance: Chance, name: string): string {
  return `pkg:toy/${name}@${chance.hex().slice(0, 8)}`
}

function sybilNodes(): string[] {
  return Array.from({ length: SYBIL_NODES }, (_, at) => `sybil${at}`)
}

/** Signing offers takes longer than a schedule, so each shape's are made once. */
function offersOf(shape: {
  readonly names: readonly string[]
  readonly authorities: readonly string[]
  readonly sybil: boolean
  readonly idle: boolean
}): readonly Offer[] {
  const key = `${shape.names.length} ${shape.authorities.length} ${shape.sybil} ${shape.idle}`
  const known = shapes.get(key)
  if (known !== undefined) return known
  const offers = shape.names.map((name, at) => {
    if (shape.authorities.includes(name)) return testOffer(name, { roles: ['authority', 'builder'] })
    const builds = shape.idle && at === shape.names.length - 1 ? [{ type: 'other', toolchains: [] }] : undefined
    return sampleOffer(name, { network: TEST_ORIGIN, roles: ['builder'], ...(builds && { builds }) })
  })
  const many = shape.sybil ? sybilNodes() : []
  const all = [
    ...offers,
    ...many.map((node) => sampleOffer(node, { network: TEST_ORIGIN, organisation: 'sybil', roles: ['builder'] })),
  ]
  shapes.set(key, all)
  return all
}

function networkOf(names: readonly string[], authorities: readonly string[]): Network {
  const base = testNetwork(authorities)
  const builders = names.filter((name) => !authorities.includes(name))
  const attestation = (name: string) => Buffer.from(signer(`${name}/attestation`).publicKey).toString('base64')
  return {
    ...base,
    organisations: [
      ...base.organisations,
      ...builders.map((name) => ({ name, roles: ['builder'] as const, keys: { attestation: attestation(name) } })),
    ],
  }
}
