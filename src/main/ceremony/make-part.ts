/** Makes this node's part in a network: what `pyrsia network init --org` and `pyrsia network offer` write. No node need run. */
import { resolve } from 'node:path'
import type { Random } from '../../base/clock.ts'
import { organisationName } from '../../base/entries/fields.ts'
import type { Builds } from '../../base/entries/offer.ts'
import { AppError } from '../../base/errors.ts'
import { isSolo, type Role, SOLO_PREFIX } from '../../base/network/network.ts'
import { formatPart, type Part, parsePart, signPart } from '../../base/network/part.ts'
import type { PartReport } from '../../cli/log/ceremony-door.ts'
import { loadIdentity } from '../../peers/identity.ts'
import { ensureDataDirectory, writeWhole } from '../data-directory.ts'
import { readNodeNetwork } from '../network/node-network.ts'
import { makeOffer } from '../network/node-offer.ts'
import { openRoleKeys } from '../network/role-keys.ts'

/** What this node wants to be. */
export interface PartWish {
  readonly organisation: string
  /** The network's origin, the same for all. */
  readonly network: string
  readonly roles: readonly string[]
  /** Purl types that it builds; undefined: `typesKnown`. */
  readonly types: readonly string[] | undefined
  readonly typesKnown: readonly string[]
  readonly bootstrap: readonly string[]
  readonly serial: number
  readonly replaces?: string | undefined
  readonly output: string
}

/** Names of networks that several share: they become names of files and parts of URLs. */
const ORIGIN = /^(?=.{1,64}$)[a-z0-9][a-z0-9.-]*(?:\/[a-z0-9][a-z0-9.-]*)*$/
const ROLES: readonly Role[] = ['authority', 'builder', 'witness']

/**
 * Makes keys that are missing and writes the part. @throws usage.config for a role or type that there is not; usage.part, usage.network for a
 * name that cannot be; damaged.identity, unavailable.storage
 */
export async function makePart(wish: PartWish, directory: string, random: Random): Promise<PartReport> {
  const roles = ROLES.filter((role) => wish.roles.includes(role))
  const strange = wish.roles.find((role) => !ROLES.includes(role as Role))
  if (strange !== undefined || roles.length === 0) {
    throw new AppError('usage.config', `--role: wanted some of ${ROLES.join(', ')}, found ${strange ?? 'none'}`)
  }
  checkOrigin(wish.network)
  if (!organisationName.safeParse(wish.organisation).success) {
    const wanted = "an organisation's name of lower-case letters, digits, dots and hyphens, at most 63"
    throw new AppError(
      'usage.part',
      `--org: wanted ${wanted}, found ${JSON.stringify(wish.organisation.slice(0, 100))}`,
    )
  }
  await ensureDataDirectory(directory)
  const identity = loadIdentity(directory, { random })
  const keys = openRoleKeys(directory)
  const { organisation, network, serial, replaces } = wish
  const builds = roles.includes('builder') ? buildsOf(wish) : []
  const wanted = { network, organisation, roles, builds, peerId: identity.peerId, serial, replaces }
  const { offer, signers } = makeOffer(keys, random, wanted)
  const beacon = roles.includes('authority') ? keys.make('beacon', random) : undefined
  const part = signPart(
    {
      offer,
      ...(beacon === undefined ? {} : { beacon: Buffer.from(beacon.publicKey).toString('hex') }),
      bootstrap: wish.bootstrap,
    },
    [...signers, ...(beacon === undefined ? [] : [beacon]), identity],
  )
  // What nobody could read is not written.
  parsePart(formatPart(part))
  const file = resolve(wish.output)
  await writeWhole(file, formatPart(part), 0o644)
  return reportOf(file, part)
}

/** A part for people. */
export function reportOf(file: string, part: Part): PartReport {
  const { network, organisation, roles, keys, builds } = part.offer.body
  return { file, network, organisation, roles, types: builds.map(({ type }) => type), peer: keys.peer, part }
}

/** Only what is no node's own network can be shared. @throws usage.part */
export function checkOrigin(origin: string): void {
  if (origin.startsWith(SOLO_PREFIX)) {
    throw new AppError('usage.part', `wanted a network that several share, found ${origin}, a node's own`)
  }
  if (!ORIGIN.test(origin)) {
    const wanted = 'lower-case letters, digits, dots, hyphens and slashes, at most 64, such as example.org/packages'
    throw new AppError('usage.part', `--name: wanted ${wanted}, found ${JSON.stringify(origin.slice(0, 100))}`)
  }
}

function buildsOf({ types, typesKnown }: PartWish): Builds[] {
  const named = types ?? typesKnown
  const strange = named.find((type) => !typesKnown.includes(type))
  if (strange !== undefined || named.length === 0) {
    throw new AppError('usage.config', `--types: wanted some of ${typesKnown.join(', ')}, found ${strange ?? 'none'}`)
  }
  return [...new Set(named)].sort().map((type) => ({ type, toolchains: [] }))
}

/** The network of a data directory, which a node offers itself to. @throws absent.network, usage.part, usage.network */
export async function originHere(directory: string): Promise<string> {
  const found = await readNodeNetwork(directory)
  if (found === undefined || isSolo(found.network)) {
    throw new AppError(
      'absent.network',
      `${directory} has no network that several share: pyrsia network join FILE first`,
    )
  }
  return found.network.origin
}
