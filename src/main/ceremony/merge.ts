/** Founds a network out of the parts of its members: what `pyrsia network merge` writes, and everybody compares. Reads files, writes one. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { DEFAULT_RULES, type NetworkRules, networkRules } from '../../base/entries/rules.ts'
import { AppError } from '../../base/errors.ts'
import { organisationOf } from '../../base/network/founding.ts'
import { type Beacon, formatNetwork, type Network, networkDigest, quorumOf } from '../../base/network/network.ts'
import { parseNetwork } from '../../base/network/parse-network.ts'
import { checkPart, type Part, parsePart } from '../../base/network/part.ts'
import { checkNetworkKeys } from '../../base/network/rules.ts'
import type { FoundedReport } from '../../cli/log/ceremony-door.ts'
import { publicKeyOf } from '../../peers/identity.ts'
import { readConfigFile, writeWhole } from '../data-directory.ts'
import { checkGenesis } from '../network/genesis.ts'
import { checkOrigin } from './make-part.ts'

/** What is merged, and into what. */
export interface MergeWish {
  /** Paths of parts. */
  readonly parts: readonly string[]
  /** The network's origin; undefined: that of the first part. */
  readonly name: string | undefined
  /** `local` or `drand`. */
  readonly beacon: string
  /** What a drand endpoint says of its chain, as a file. */
  readonly beaconInfo: string | undefined
  /** Rules that differ from the usual ones, as a file. */
  readonly rules: string | undefined
  readonly days: number
  readonly output: string
}

const DAY_SECONDS = 86_400
const DAYS_MAX = 3_660
/** Answers to "latest" rest on a checkpoint of at most this age. */
const FRESHNESS_SECONDS = 86_400

/**
 * Reads the parts, checks that each is signed by all its keys and that they fit, and writes the network.
 * @throws usage.part, usage.network, usage.config, usage.key, absent.network for a file that is missing
 */
export async function mergeParts(wish: MergeWish, nowSeconds: number): Promise<FoundedReport> {
  const parts = await Promise.all(wish.parts.map(readPart))
  const [first] = parts
  if (first === undefined)
    throw new AppError('usage.part', 'wanted the parts of those who found the network, found none')
  const origin = wish.name ?? first.offer.body.network
  checkOrigin(origin)
  const rules = await rulesOf(wish.rules)
  if (wish.days < 1 || wish.days > DAYS_MAX) {
    throw new AppError('usage.config', `--days: wanted 1 to ${DAYS_MAX}, found ${wish.days}`)
  }
  const sorted = inOrder(parts, origin)
  const authorities = sorted.filter(({ offer }) => offer.body.roles.includes('authority')).length
  const made: Network = {
    format: 'pyrsia.network/1',
    name: origin,
    origin,
    created: nowSeconds,
    expires: nowSeconds + wish.days * DAY_SECONDS,
    freshnessSeconds: FRESHNESS_SECONDS,
    organisations: sorted.map(({ offer }) => organisationOf(offer)),
    quorum: { k: quorumOf(authorities), of: authorities },
    beacon: await beaconOf(wish, sorted),
    beaconDelaySeconds: rules.beaconDelaySeconds,
    bootstrap: [...new Set(sorted.flatMap(({ bootstrap }) => bootstrap))],
    founding: { offers: sorted.map(({ offer }) => offer), rules },
  }
  const network = parseNetwork(formatNetwork(made))
  checkNetworkKeys(network)
  checkGenesis(network)
  const file = resolve(wish.output)
  await writeWhole(file, formatNetwork(network), 0o644)
  return { file, network, digest: networkDigest(network), solo: false, notes: notesOn(network) }
}

/** A part from a file, every signature checked. @throws usage.part, absent.network, usage.config */
export async function readPart(path: string): Promise<Part> {
  const file = resolve(path)
  const text = await readConfigFile(file)
  if (text === undefined) throw new AppError('absent.network', `there is no file ${file}`)
  try {
    const part = parsePart(text)
    const { peer } = part.offer.body.keys
    checkPart(part, peer === undefined ? undefined : Buffer.from(publicKeyOf(peer)).toString('hex'))
    return part
  } catch (cause) {
    throw new AppError('usage.part', `cannot use ${file}`, { cause })
  }
}

/** By the names of organisations: whoever merges the same parts in another order makes the same members. */
function inOrder(parts: readonly Part[], origin: string): Part[] {
  for (const { offer } of parts) {
    const { organisation, network } = offer.body
    if (network === origin) continue
    throw new AppError('usage.part', `wanted parts of ${origin}, found the one of ${organisation} made for ${network}`)
  }
  const named = [...parts].sort((a, b) => (a.offer.body.organisation < b.offer.body.organisation ? -1 : 1))
  const twice = named.find(({ offer }, at) => named[at + 1]?.offer.body.organisation === offer.body.organisation)?.offer
    .body.organisation
  if (twice !== undefined)
    throw new AppError('usage.part', `wanted one part of each organisation, found two of ${twice}`)
  return named
}

async function rulesOf(path: string | undefined): Promise<NetworkRules> {
  if (path === undefined) return DEFAULT_RULES
  const given = await readJson(path)
  const read = networkRules.safeParse({ ...DEFAULT_RULES, ...(given as object) })
  if (read.success) return read.data
  throw new AppError('usage.config', `${path}: found malformed rules: ${z.prettifyError(read.error)}`)
}

const drandInfo = z.object({
  hash: z.string(),
  public_key: z.string(),
  period: z.int(),
  genesis_time: z.int(),
  schemeID: z.string(),
})

async function beaconOf({ beacon, beaconInfo }: MergeWish, parts: readonly Part[]): Promise<Beacon> {
  if (beacon === 'local') {
    const key = parts.find((part) => part.beacon !== undefined)?.beacon
    if (key === undefined) throw new AppError('usage.part', 'wanted the part of an authority, found none among them')
    return { kind: 'local', publicKey: Buffer.from(key, 'hex').toString('base64') }
  }
  if (beacon !== 'drand' || beaconInfo === undefined) {
    const found = beacon === 'drand' ? 'drand without it' : JSON.stringify(beacon)
    throw new AppError('usage.config', `--beacon: wanted local, or drand with --beacon-info FILE, found ${found}`)
  }
  const read = drandInfo.safeParse(await readJson(beaconInfo))
  if (!read.success) {
    throw new AppError('usage.config', `${beaconInfo}: wanted what drand says of a chain (/info), found something else`)
  }
  const { hash, public_key, period, genesis_time, schemeID } = read.data
  return {
    kind: 'drand',
    chainHash: hash,
    publicKey: public_key,
    periodSeconds: period,
    genesisSeconds: genesis_time,
    schemeId: schemeID,
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readConfigFile(resolve(path))
  if (text === undefined) throw new AppError('usage.config', `there is no file ${path}`)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('usage.config', `${path}: wanted JSON`, { cause })
  }
}

function notesOn({ organisations, quorum, beacon }: Network): string[] {
  const builders = organisations.filter(({ roles }) => roles.includes('builder')).length
  return [
    ...(quorum.of === 1 ? ['one authority orders everything: nobody else vouches for the order'] : []),
    ...(builders < 4 ? [`${builders} organisations build: below 4 no verdict is ever "rebuilt"`] : []),
    ...(beacon.kind === 'local' ? ['the randomness is that of one authority, which could choose who builds'] : []),
  ]
}
