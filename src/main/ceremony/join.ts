/**
 * Joins a network that somebody else's file describes: what `pyrsia network join` does. The file of before is put aside, then the new one
 * takes its place whole or not at all; whatever dies in between leaves the one or the other in force.
 */
import { join, resolve } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { formatNetwork, isSolo, type Network, networkDigest, type Organisation } from '../../base/network/network.ts'
import { parseNetwork } from '../../base/network/parse-network.ts'
import { checkNetworkKeys } from '../../base/network/rules.ts'
import { readVkey } from '../../base/network/vkey.ts'
import { chainOf } from '../../beacon/chain-of.ts'
import type { JoinReport } from '../../cli/log/ceremony-door.ts'
import { findIdentity, IDENTITY_FILE } from '../../peers/identity.ts'
import { ensureDataDirectory, readConfigFile, writeWhole } from '../data-directory.ts'
import { checkGenesis } from '../network/genesis.ts'
import { NETWORK_FILE, readNodeNetwork } from '../network/node-network.ts'
import { type KeyRole, openRoleKeys, type RoleKeys } from '../network/role-keys.ts'

/** Folder of networks that were replaced, within the data directory. */
export const NETWORKS_FOLDER = 'networks'

/**
 * Looks at the file and, if `yes`, makes it this directory's network.
 * @throws absent.network, usage.network, usage.key for a member whose keys are not here; untrusted.expired; conflict.network if the directory
 * belongs to another network that several share; usage.config, damaged.identity
 */
export async function joinNetwork(
  request: { readonly file: string; readonly yes: boolean },
  directory: string,
  nowSeconds: number,
): Promise<JoinReport> {
  const file = resolve(request.file)
  const text = await readConfigFile(file)
  if (text === undefined) throw new AppError('absent.network', `there is no file ${file}`)
  const network = parseNetwork(text)
  checkNetworkKeys(network)
  chainOf(network.beacon)
  checkGenesis(network)
  checkWorth(network, nowSeconds)
  const organisation = ownPart(network, directory)
  const digest = networkDigest(network)
  const before = await readNodeNetwork(directory)
  if (before !== undefined) checkReplaces(network, before.network)
  const known = before !== undefined && networkDigest(before.network) === digest
  const aside = before === undefined || known ? undefined : asidePath(directory, before.network)
  const running = (await readConfigFile(join(directory, 'node.json'))) !== undefined
  const report = { file: join(directory, NETWORK_FILE), network, digest, organisation, aside, running }
  if (known || !request.yes) return { ...report, joined: known }
  await ensureDataDirectory(join(directory, NETWORKS_FOLDER))
  if (before !== undefined && aside !== undefined) await writeWhole(aside, formatNetwork(before.network), 0o644)
  await writeWhole(report.file, formatNetwork(network), 0o644)
  return { ...report, joined: true }
}

function checkWorth(network: Network, nowSeconds: number): void {
  if (isSolo(network)) {
    throw new AppError('usage.network', `wanted a network that several share, found ${network.origin}, a node's own`)
  }
  if (nowSeconds >= network.expires) {
    const when = new Date(network.expires * 1000).toISOString().slice(0, 10)
    throw new AppError('untrusted.expired', `the network ${network.name} expired on ${when}: ask for a newer file`)
  }
}

function checkReplaces(next: Network, before: Network): void {
  if (isSolo(before)) return
  if (next.origin !== before.origin) {
    const message = `this data directory belongs to ${before.origin}: its log and its votes are there; use another for ${next.origin}`
    throw new AppError('conflict.network', message)
  }
  if (next.created < before.created) {
    throw new AppError(
      'conflict.network',
      `this file of ${next.origin} is older than the one in force: going back is refused`,
    )
  }
}

/** The organisation in whose name this directory has keys; undefined: none. @throws usage.key if some of its keys are not here */
function ownPart(network: Network, directory: string): string | undefined {
  const keys = openRoleKeys(directory)
  const peerId = findIdentity(directory)?.peerId
  const own = network.organisations.filter((one) => matching(one, keys, peerId).some(({ here }) => here))
  const [found, other] = own
  if (found === undefined) return undefined
  if (other !== undefined) {
    throw new AppError('usage.key', `found keys of ${found.name} and of ${other.name} here: a node is one member`)
  }
  const missing = matching(found, keys, peerId).find(({ here }) => !here)
  if (missing !== undefined) {
    const { role, path } = missing
    const wanted = `wanted the ${role} key of ${found.name} in ${path}`
    throw new AppError(
      'usage.key',
      `${wanted}, found another or none: join in the directory in which its part was made`,
    )
  }
  return found.name
}

/** The keys that the network lists for an organisation, and whether they are here. */
function matching(
  { keys: listed }: Organisation,
  keys: RoleKeys,
  peerId: string | undefined,
): { readonly role: string; readonly path: string; readonly here: boolean }[] {
  const publicKeys: readonly (readonly [KeyRole, string | undefined])[] = [
    ['log', ofVkey(listed.log)],
    ['cosigner', ofVkey(listed.cosigner)],
    ['consensus', listed.consensus],
    ['attestation', listed.attestation],
  ]
  const own = publicKeys.flatMap(([role, wanted]) => {
    if (wanted === undefined) return []
    const found = keys.find(role)?.publicKey
    const here = found !== undefined && Buffer.from(found).toString('base64') === wanted
    return [{ role, path: keys.path(role), here }]
  })
  if (listed.peer === undefined) return own
  return [...own, { role: 'peer', path: IDENTITY_FILE, here: listed.peer === peerId }]
}

function ofVkey(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(readVkey(text).publicKey).toString('base64')
}

function asidePath(directory: string, network: Network): string {
  const name = networkDigest(network).slice('sha256:'.length, 'sha256:'.length + 16)
  return join(directory, NETWORKS_FOLDER, `${name}.json`)
}
